"""Occasions: an action came up for a user and was taken or not. What `propensity` learns from and is asked with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openpersonalize.recipes.data import Ints

TAKEN = "TAKEN"
DAY_SECONDS = 86_400
LATEST = 20
"""So many earlier occasions of a user say something about the next."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Occasions:
    """One row each, those of a user in the order of their time."""

    user: Ints
    action: Ints
    taken: Bools

    def __len__(self) -> int:
        return len(self.user)

    def where(self, rows: Bools) -> "Occasions":
        """Some of them."""
        return Occasions(self.user[rows], self.action[rows], self.taken[rows])


def occasions_of(user: Ints, action: Ints, timestamp: Ints, taken: Bools, period_seconds: int) -> Occasions:
    """The occasions among events that are sorted by user and time.

    An event that is not TAKEN only begins an occasion when the same user's next event with the action comes within the
    period: viewed, viewed again, taken is one occasion.
    """
    order = np.lexsort((np.arange(len(user)), action, user))
    same = (np.diff(user[order]) == 0) & (np.diff(action[order]) == 0)
    soon = np.diff(timestamp[order]) <= period_seconds
    begins = np.zeros(len(user), bool)
    begins[order[:-1]] = same & soon
    kept = taken | ~begins
    return Occasions(user[kept].astype(np.int64), action[kept].astype(np.int64), taken[kept])


def earlier_pairs(found: Occasions) -> Iterator[tuple[Ints, Ints]]:
    """Places of (earlier, later) occasions of the same user, one distance at a time, up to `LATEST`."""
    for distance in range(1, min(LATEST, len(found) - 1) + 1):
        before = np.flatnonzero(found.user[distance:] == found.user[:-distance])
        if not len(before):
            return
        yield before, before + distance
