"""The loss over all items, or over a sample of a catalogue too large for all."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from openpersonalize.recipes.data import Floats, Ints

CHUNK_CELLS = 600_000
MOST_POSITIONS, FEWEST_POSITIONS = 256, 32
"""How many logits exist at the same time, in positions: as many as stay in the processor's cache."""
TINY = 1e-12
POPULARITY_POWER = 0.75


@dataclass(frozen=True)
class Candidates:
    """The item rows that one step touches, in order, and what is added to their logits as negatives.

    The shift is `-log` of the chance that an item was among them: so their sum is, on average, that over all items.
    """

    rows: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws negatives that all positions of a step share: half uniformly, half by `count^0.75`.

    The items of the step's own events are negatives too, as they are computed anyway; `shares` is how often each item
    is among them.
    """

    draws: int
    chances: Floats
    cumulative: Floats
    shares: Floats

    @classmethod
    def of(cls, counts: Ints, draws: int) -> Self:
        """`counts` are events per row."""
        popular = counts.astype(np.float64) ** POPULARITY_POWER
        chances = 0.5 / len(counts) + 0.5 * popular / popular.sum()
        return cls(draws, chances, np.cumsum(chances), counts / counts.sum())

    def draw(self, needed: Ints, events: int, rng: np.random.Generator) -> Candidates:
        """A sample, together with the rows that a batch of so many events needs as inputs and targets."""
        places = np.searchsorted(self.cumulative, rng.random(self.draws) * self.cumulative[-1], side="right")
        rows = np.union1d(places, needed)
        expected = self.draws * self.chances[rows] + events * self.shares[rows]
        shift = -np.log(-np.expm1(-expected)).astype(np.float32)
        return Candidates(torch.from_numpy(rows), torch.from_numpy(shift))


class FusedCrossEntropy(torch.autograd.Function):
    """Weighted mean of `logsumexp_j (z_j + shift_j) - z_target` over items, with `z = h W' + b`.

    The target itself is never shifted. Without sampling there is no shift.

    The forward pass computes the gradients chunk by chunk, so the logits [N, C] never exist as a whole.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 -- torch hands arguments on by position
        ctx: Any,
        h: Tensor,
        table: Tensor,
        bias: Tensor,
        target: Tensor,
        weight: Tensor,
        low: torch.dtype,
        shift: Tensor | None = None,
    ) -> Tensor:
        """States [N, d], items [C, d], biases [C], target rows [N], weights [N], shifts [C].

        Products are computed in `low`.
        """
        states, items = h.to(low), table.to(low)
        columns = items.t().contiguous()
        weight = (weight / weight.sum().clamp(min=TINY))[:, None]
        h_grad, table_grad, bias_grad = torch.empty_like(h), torch.zeros_like(table), torch.zeros_like(bias)
        loss = torch.zeros(())
        chunk = min(MOST_POSITIONS, max(FEWEST_POSITIONS, CHUNK_CELLS // len(items)))
        for begin in range(0, len(h), chunk):
            part = slice(begin, begin + chunk)
            scores = (states[part] @ columns).float().add_(bias)
            places = target[part, None]
            hit = scores.gather(1, places)
            if shift is not None:
                scores.add_(shift).scatter_(1, places, hit)
            peak = scores.amax(1, keepdim=True)
            total = scores.sub_(peak).exp_().sum(1, keepdim=True)
            loss += (weight[part] * (peak + total.log() - hit)).sum()
            scores.mul_(weight[part] / total).scatter_add_(1, places, -weight[part])
            gradient = scores.to(low)
            h_grad[part] = gradient @ items
            table_grad += gradient.t() @ states[part]
            bias_grad += scores.sum(0)
        ctx.save_for_backward(h_grad, table_grad, bias_grad)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The stored gradients, scaled."""
        h_grad, table_grad, bias_grad = ctx.saved_tensors
        (scale,) = grads
        return h_grad * scale, table_grad * scale, bias_grad * scale, None, None, None, None
