"""Sums from which every average and interval of a report follows; the unit is a user, never an event.

Events of one user resemble each other, so a thousand events of ten users say about as much as ten numbers. A user's
*total* is the unit: `y` what they brought, `x` what it is divided by (lists served). At a look on day `d` a user's
total is all they did until then; the sums of a look are therefore not those of single days added up. See
docs/attribution-statistics.md.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.integer]

_KEY_BITS = 64


@dataclass(frozen=True, eq=False)
class Moments:
    """Users and the sums of their totals: arrays of one shape, whose last axis, if any, is that of looks.

    `+` joins users who are disjoint, such as those of two shards. It does not join days: the same users come back.

    >>> of_units(np.array([1.0, 2.0]), np.array([3.0, 5.0])) + of_units(np.array([4.0]), np.array([0.0]))
    Moments(n=3, active=2, x=7, y=8, xx=21, yy=34, xy=13)
    """

    n: Floats
    active: Floats
    """Users whose `y` is not zero, such as those who bought."""
    x: Floats
    y: Floats
    xx: Floats
    yy: Floats
    xy: Floats

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def __repr__(self) -> str:
        shown = (f"{field.name}={_shown(getattr(self, field.name))}" for field in fields(self))
        return f"Moments({', '.join(shown)})"


def _shown(values: Floats) -> str:
    return f"{float(values):g}" if np.ndim(values) == 0 else np.array2string(values, threshold=8)


def of_units(x: Floats, y: Floats, axis: int = -1) -> Moments:
    """The moments of users given by their totals, which lie along `axis`."""
    count = np.broadcast_to(np.float64(x.shape[axis]), np.delete(x.shape, axis))
    sums = (np.sum(values, axis=axis) for values in (x, y, x * x, y * y, x * y))
    return Moments(
        count, np.count_nonzero(y, axis=axis).astype(np.float64), *(np.asarray(value, np.float64) for value in sums)
    )


def nothing(looks: int) -> Moments:
    """Nobody, at every look."""
    return Moments(*(np.zeros(looks) for _ in fields(Moments)))


@dataclass(frozen=True, eq=False)
class Sorted:
    """What users did, put together by user and day once, for any number of metrics.

    `order` sorts rows; `starts` are the places, in that order, where a user's next day begins; `day` and `first` are
    one for each of these: the day, and whether the user is new there.
    """

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    day: Whole
    first: npt.NDArray[np.bool_]

    def sums(self, values: Floats) -> Floats:
        """A user's values of one day, added up."""
        return np.asarray(np.add.reduceat(values[self.order], self.starts)) if len(self.order) else np.zeros(0)


def by_user(user: npt.NDArray[np.uint64], day: Whole, looks: int) -> Sorted:
    """Sort rows by user and day. `user` are hashes of 64 bits, `day` counts from 0 to `looks` - 1.

    The days take the place of the lowest bits. For four weeks 59 bits stay: among ten million users two fall together
    once in ten thousand reports.
    """
    bits = np.uint64(max(1, int(looks - 1).bit_length()))
    if bits >= _KEY_BITS // 2:
        raise ValueError(f"{looks} looks are too many; a report has one a day.")
    key = ((user >> bits) << bits) | day.astype(np.uint64)
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.intp)
    whose = key[starts] >> bits
    first = np.concatenate([[True], whose[1:] != whose[:-1]]) if len(starts) else np.zeros(0, bool)
    return Sorted(order, starts, day[order][starts], first)


class Looks:
    """Looks at the end of each day, at users' totals until then, for any number of metrics.

    A user counts from the first day with an `x` above 0, their first list; what they did on days before is left out.
    """

    def __init__(self, rows: Sorted, x: Floats, looks: int) -> None:
        """`x` has an entry per row: for each list 1, for anything else 0."""
        self._rows, self._looks = rows, looks
        self._starts = np.flatnonzero(rows.first)
        self._lengths = np.diff(np.append(self._starts, len(rows.first)))
        lists = rows.sums(x)
        self._lists = self._running(lists)
        self._lists_before = self._lists - lists
        self._entered = self._lists > 0
        self.n = self._until(self._entered & (self._lists_before == 0))
        self.x = self._until(lists)
        self.xx = self._until(lists * (self._lists + self._lists_before))

    def at(self, y: Floats) -> Moments:
        """The moments at each look; `y` has an entry per row."""
        added = np.where(self._entered, self._rows.sums(y), 0.0)
        value = self._running(added)
        # A user's first day begins at zero, not at what rounding leaves of the users before.
        before = np.where(self._rows.first, 0.0, np.roll(value, 1))
        active = (value != 0).astype(np.int8) - (before != 0)
        return Moments(
            n=self.n,
            active=self._until(active),
            x=self.x,
            y=self._until(added),
            xx=self.xx,
            yy=self._until(added * (value + before)),
            xy=self._until(self._lists * value - self._lists_before * before),
        )

    def _running(self, values: Floats) -> Floats:
        """Sums so far, beginning anew with each user."""
        total = np.cumsum(values)
        return np.asarray(total - np.repeat((total - values)[self._starts], self._lengths))

    def _until(self, added: npt.NDArray[np.generic]) -> Floats:
        return np.cumsum(np.bincount(self._rows.day, weights=added, minlength=self._looks))
