"""The encoder in torch: a small causal transformer over item vectors made of ids and metadata.

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
        self.sparse = _Bags.of(features.sparse[rows]) if features.values else None
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

    def forward(self, mask: Tensor | None = None, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors [C, d] and biases [C] of the trained items, or of some `rows` of them.

        `mask` [C] of zeros and ones drops ids.
        """
        ids: Tensor = self.ids if rows is None else functional.embedding(rows, self.ids)
        bias = self.bias if rows is None else self.bias[rows]
        if not self.described:
            return ids, bias
        content = self.content(rows)
        return (ids if mask is None else ids * mask[:, None]) + content, bias + content @ self.leaning

    def content(self, rows: Tensor | None = None) -> Tensor:
        """F, [C, d]."""
        parts: list[Tensor] = []
        if self.sparse is not None:
            bags = self.sparse if rows is None else self.sparse.only(rows)
            parts.append(bags.sums(self.values * self.scales[self.value_column][:, None]))
        if self.numeric is not None:
            numbers = self.numeric if rows is None else self.numeric[rows]
            parts.append(numbers @ (self.slopes * self.scales[self.slope_column][:, None]))
        return torch.stack(parts).sum(0)


@dataclass(frozen=True)
class _Bags:
    """Which values each item has, with weights, as one embedding bag per item; `matrix` [items, values] is sparse."""

    matrix: Any
    indices: Tensor
    offsets: Tensor
    weights: Tensor

    @classmethod
    def of(cls, matrix: Any) -> "_Bags":
        return cls(
            matrix,
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.indptr[:-1].astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
        )

    def only(self, rows: Tensor) -> "_Bags":
        return self.of(self.matrix[rows.numpy()])

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
