"""The encoder in torch: a small causal transformer over item vectors, and the loss over all items.

Only trainings import this module. The serving side runs the same arithmetic from `sequence_onnx`'s graph.

Shapes: B histories padded on the right to T events, width d, C trained items. Right padding and a causal mask make
the state of the last real event exact without any padding mask.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from openpersonalize.recipes.models.features import Features

TAPS = 3
"""How many past events the short convolutions see."""
ROPE_BASE = 10_000.0
EPSILON = 1e-6
LOSS_CHUNK = 256
"""Positions whose logits exist at the same time."""


class Dropout:
    """Dropout by slices of a pool of masks at random offsets: torch's own generator runs on one thread."""

    def __init__(self, pool: Tensor, generator: torch.Generator) -> None:
        """`generator` draws the offsets; several droppers with generators of their own may share a pool."""
        self.pool = pool
        self.generator = generator

    @staticmethod
    def masks(share: float, longest: int, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
        """A pool that drops `share`; `longest` is the largest tensor, in numbers, that will be masked."""
        size = max(1 << 20, 4 * longest)
        return (torch.rand(size, generator=generator) >= share).to(dtype).div_(1 - share)

    def __call__(self, x: Tensor) -> Tensor:
        """`x` with a fresh mask."""
        offset = int(torch.randint(len(self.pool) - x.numel() + 1, (1,), generator=self.generator))
        return x * self.pool[offset : offset + x.numel()].view(x.shape)


def keep(x: Tensor) -> Tensor:
    """No dropout: what validation uses."""
    return x


class Block(nn.Module):
    """Pre-norm attention and gated feed-forward, each behind a residual."""

    def __init__(self, width: int, heads: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))
        self.taps = nn.Parameter(torch.zeros(TAPS, width))
        last = 0.5 / math.sqrt(layers)
        self.qkv = _matrix(3 * width, width, generator)
        self.out = _matrix(width, width, generator, last)
        self.up = _matrix(4 * width, width, generator)
        self.down = _matrix(width, 2 * width, generator, last)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], drop: Any) -> Tensor:
        """[B, T, d] to [B, T, d]."""
        y = shifted(_rms(x, self.norm1), self.taps)
        parts = functional.linear(y, self.qkv).reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = rotated(parts[:2], turn).to(parts.dtype)
        seen = functional.scaled_dot_product_attention(query, key, parts[2], is_causal=True)
        x = x + drop(functional.linear(seen.transpose(1, 2).flatten(2), self.out))
        gate, content = functional.linear(_rms(x, self.norm2), self.up).chunk(2, -1)
        result: Tensor = x + drop(functional.linear(functional.silu(gate) * content, self.down))
        return result


def _matrix(rows: int, columns: int, generator: torch.Generator, scale: float = 1.0) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, columns, generator=generator) * (scale / math.sqrt(columns)))


def _rms(x: Tensor, weight: Tensor) -> Tensor:
    return functional.rms_norm(x, (x.shape[-1],), weight.to(x.dtype), EPSILON)


def shifted(x: Tensor, taps: Tensor) -> Tensor:
    """`x_t + sum_k taps_k * x_(t-k)`: a causal depthwise convolution as shifted sums."""
    y = x
    for back in range(1, min(TAPS, x.shape[1] - 1) + 1):
        y = y + functional.pad(x, (0, 0, back, -back)) * taps[back - 1]
    return y


def turns(length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary position embedding, each [length, width / 2]."""
    frequencies = ROPE_BASE ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.arange(length).float()[:, None] * frequencies[None]
    return angles.cos(), angles.sin()


def rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions in the half-split form; the last axes of `x` are time and width."""
    cosine, sine = turn
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


class Encoder(nn.Module):
    """Vectors of a history to a state after each event."""

    def __init__(self, width: int, heads: int, layers: int, generator: torch.Generator) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.zeros(TAPS, width))
        self.blocks = nn.ModuleList(Block(width, heads, layers, generator) for _ in range(layers))
        self.norm = nn.Parameter(torch.ones(width))
        self.head_width = width // heads

    def forward(self, x: Tensor, drop: Any = keep) -> Tensor:
        """[B, T, d] to [B, T, d]."""
        turn = turns(x.shape[1], self.head_width)
        x = drop(shifted(x, self.taps))
        for block in self.blocks:
            x = block(x, turn, drop)
        return _rms(x, self.norm)


class ItemTable(nn.Module):
    """Item vectors `m E + F` and biases `beta + u F`, where F speaks of the item's metadata and m drops ids."""

    def __init__(self, features: Features, rows: Any, width: int, generator: torch.Generator) -> None:
        """`rows` are the trained items among those of `features`."""
        super().__init__()
        self.ids = nn.Parameter(torch.randn(len(rows), width, generator=generator) * 0.02)
        self.bias = nn.Parameter(torch.zeros(len(rows)))
        self.sparse = _Bags.of(features, rows) if features.values else None
        self.numeric = torch.from_numpy(features.dense[rows]) if features.dense.shape[1] else None
        self.values = nn.Parameter(torch.randn(features.values, width, generator=generator) * 0.02)
        self.slopes = nn.Parameter(torch.randn(features.dense.shape[1], width, generator=generator) * 0.02)
        self.scales = nn.Parameter(torch.ones(features.columns))
        self.leaning = nn.Parameter(torch.zeros(width))
        self.value_column = torch.from_numpy(features.value_column)
        self.slope_column = torch.from_numpy(features.slope_column)

    @property
    def described(self) -> bool:
        """Whether there is any metadata."""
        return self.sparse is not None or self.numeric is not None

    def forward(self, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors [C, d] and biases [C] of the trained items; `mask` [C] of zeros and ones drops ids."""
        if not self.described:
            return self.ids, self.bias
        content = self.content()
        ids = self.ids if mask is None else self.ids * mask[:, None]
        return ids + content, self.bias + content @ self.leaning

    def content(self) -> Tensor:
        """F, [C, d]."""
        parts: list[Tensor] = []
        if self.sparse is not None:
            parts.append(self.sparse.sums(self.values * self.scales[self.value_column][:, None]))
        if self.numeric is not None:
            parts.append(self.numeric @ (self.slopes * self.scales[self.slope_column][:, None]))
        return torch.stack(parts).sum(0)


@dataclass(frozen=True)
class _Bags:
    """Which values each item has, with weights, as one embedding bag per item."""

    indices: Tensor
    offsets: Tensor
    weights: Tensor

    @classmethod
    def of(cls, features: Features, rows: Any) -> "_Bags":
        chosen = features.sparse[rows]
        return cls(
            torch.from_numpy(chosen.indices.astype(np.int64)),
            torch.from_numpy(chosen.indptr[:-1].astype(np.int64)),
            torch.from_numpy(chosen.data.astype(np.float32)),
        )

    def sums(self, table: Tensor) -> Tensor:
        return functional.embedding_bag(self.indices, table, self.offsets, mode="sum", per_sample_weights=self.weights)


class Network(nn.Module):
    """Item table, event types and encoder together: everything that is learned."""

    def __init__(self, table: ItemTable, encoder: Encoder, types: int, width: int) -> None:
        super().__init__()
        self.table = table
        self.encoder = encoder
        self.types = nn.Parameter(torch.zeros(types, width))

    def states(self, vectors: Tensor, items: Tensor, types: Tensor, drop: Any = keep) -> Tensor:
        """States after each event of histories of item rows [B, T] and type numbers [B, T]."""
        x = functional.embedding(items, vectors)
        if len(self.types) > 1:
            x = x + functional.embedding(types, self.types)
        states: Tensor = self.encoder(x, drop)
        return states.float()


class FusedCrossEntropy(torch.autograd.Function):
    """Weighted mean of `logsumexp_j z_j - z_target` over all items, with `z = h W' + b`.

    The forward pass computes the gradients chunk by chunk, so the logits [N, C] never exist as a whole.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 -- torch hands arguments on by position
        ctx: Any, h: Tensor, table: Tensor, bias: Tensor, target: Tensor, weight: Tensor, low: torch.dtype
    ) -> Tensor:
        """States [N, d], items [C, d], biases [C], target rows [N], weights [N]; products are computed in `low`."""
        states, items = h.to(low), table.to(low)
        columns = items.t().contiguous()
        weight = (weight / weight.sum())[:, None]
        h_grad, table_grad, bias_grad = torch.empty_like(h), torch.zeros_like(table), torch.zeros_like(bias)
        loss = torch.zeros(())
        for begin in range(0, len(h), LOSS_CHUNK):
            part = slice(begin, begin + LOSS_CHUNK)
            scores = (states[part] @ columns).float().add_(bias)
            places = target[part, None]
            hit = scores.gather(1, places)
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
        return h_grad * scale, table_grad * scale, bias_grad * scale, None, None, None
