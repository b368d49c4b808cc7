"""Cutting histories into windows and windows into batches, so that each event is a target exactly once per epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from openpersonalize.recipes.data import Ints

Mask: TypeAlias = npt.NDArray[np.bool_]

CHUNK = 8
"""Batches that are sorted by length together: little padding, and still a different company every epoch."""


@dataclass(frozen=True)
class Windows:
    """Stretches `starts[w]:ends[w]` of the flat event arrays.

    All but the last event are inputs, all but the first targets.
    """

    starts: Ints
    ends: Ints

    @property
    def inputs(self) -> Ints:
        """Inputs, and so targets, of each window."""
        return self.ends - self.starts - 1


def cut(offsets: Ints, longest: int, rng: np.random.Generator) -> Windows:
    """One epoch's windows: at most `longest` inputs, neighbours overlap by one event.

    The newest cut of a long history has a random length in [longest / 2, longest], so that cuts move between epochs.
    Histories of fewer than two events have no target and no window.
    """
    starts, ends = offsets[:-1], offsets[1:]
    short = (ends - starts >= 2) & (ends - starts <= longest + 1)  # noqa: PLR2004 -- an input and a target
    long = np.flatnonzero(ends - starts > longest + 1)
    cuts = [_cut_one(int(starts[u]), int(ends[u]), longest, rng) for u in long]
    pairs = np.array([pair for own in cuts for pair in own], np.int64).reshape(-1, 2)
    return Windows(np.concatenate([starts[short], pairs[:, 0]]), np.concatenate([ends[short], pairs[:, 1]]))


def _cut_one(start: int, end: int, longest: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    length = int(rng.integers(max(1, longest // 2), longest + 1))
    pairs = []
    while end - start > 1:
        begin = max(start, end - length - 1)
        pairs.append((begin, end))
        end, length = begin + 1, longest
    return pairs


def batches(windows: Windows, tokens: int, rng: np.random.Generator) -> Iterator[Windows]:
    """Shuffled batches of windows of similar length, each filled to `tokens` events, padding included."""
    order = rng.permutation(len(windows.starts))
    chunk_of = np.cumsum(windows.inputs[order]) // (CHUNK * tokens)
    order = order[np.lexsort((windows.inputs[order], chunk_of))]
    groups = _filled(windows.inputs[order], chunk_of, tokens)
    for group in rng.permutation(len(groups)):
        begin, end = groups[group]
        chosen = order[begin:end]
        yield Windows(windows.starts[chosen], windows.ends[chosen])


def _filled(lengths: Ints, chunk_of: Ints, tokens: int) -> list[tuple[int, int]]:
    groups = []
    begin = 0
    for place in range(1, len(lengths) + 1):
        full = place < len(lengths) and (place - begin + 1) * lengths[place] > tokens
        if place == len(lengths) or full or chunk_of[place] != chunk_of[begin]:
            groups.append((begin, place))
            begin = place
    return groups


def padded(windows: Windows) -> tuple[Ints, Mask]:
    """Places of the inputs in the flat arrays, [windows, longest], and which of them are real.

    Padding is on the right and repeats place 0; the target of an input stands one place further.
    """
    steps = np.arange(int(windows.inputs.max()))
    real = steps[None, :] < windows.inputs[:, None]
    return np.where(real, windows.starts[:, None] + steps[None, :], 0), real


def without_echoes(items: Ints, types: Ints, users: Ints) -> Mask:
    """Which events stay when immediate repeats of the same item and type collapse to the last of them."""
    echoes = (items[:-1] == items[1:]) & (types[:-1] == types[1:]) & (users[:-1] == users[1:])
    return np.concatenate([~echoes, np.ones(min(1, len(items)), bool)])
