"""Sums from which every average and interval of a report follows; the unit is a user, never an event.

Events of one user resemble each other, so a thousand events of ten users say about as much as ten numbers. A user's
*total* is the unit: `y` what they brought, `x` what it is divided by (lists served). At a look on day `d` a user's
total is all they did until then; the sums of a look are therefore not those of single days added up. See
docs/attribution-statistics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.integer]
Keys = npt.NDArray[np.uint64]

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


def keys(user: Keys, day: Whole, looks: int) -> Keys:
    """User and day as one number each, which sorts by user and then by day.

    `user` are hashes of 64 bits, `day` counts from 0 to `looks` - 1. The days take the place of the lowest bits. For
    four weeks 59 bits stay: among ten million users two fall together once in ten thousand reports.
    """
    found: Keys = user & ~((np.uint64(1) << _day_bits(looks)) - np.uint64(1))
    # Without an array for every step: of ten million rows one takes 80 MB, and time.
    found |= day.astype(np.uint64)
    return found


def _day_bits(looks: int) -> np.uint64:
    bits = max(1, int(looks - 1).bit_length())
    if bits >= _KEY_BITS // 2:
        raise ValueError(f"{looks} looks are too many; a report has one a day.")
    return np.uint64(bits)


def users(given: Keys, looks: int) -> Keys:
    """What stands for the user in each key; 0 is nobody."""
    return np.asarray(given >> _day_bits(looks))


def _each_once(rows: Keys) -> Keys:
    # `np.unique` takes three times as long.
    ordered = np.sort(rows)
    return ordered[_starts(ordered)]


@dataclass(frozen=True, eq=False)
class Totals:
    """What each user brought on each day: `keys`, every one once and in order, and a sum for each."""

    keys: Keys
    sums: Floats

    def users(self, looks: int) -> Keys:
        """Every user once."""
        whose = users(self.keys, looks)
        return whose[_starts(whose)]


def counted(rows: Keys) -> Totals:
    """How often each key comes."""
    ordered = np.sort(rows)
    starts = _starts(ordered)
    return Totals(ordered[starts], np.diff(starts, append=len(rows)).astype(np.float64))


def added(rows: Keys, values: Floats) -> Totals:
    """The values of each key, added up."""
    order = np.argsort(rows)
    ordered = rows[order]
    starts = _starts(ordered)
    return Totals(ordered[starts], np.asarray(np.add.reduceat(values[order], starts)) if len(rows) else np.zeros(0))


def together(totals: Sequence[Totals]) -> Totals:
    """The sums of several."""
    if len(totals) == 1:
        return totals[0]
    return added(*(np.concatenate(parts) for parts in zip(*((one.keys, one.sums) for one in totals), strict=True)))


def _starts(ordered: Keys) -> npt.NDArray[np.intp]:
    """Where another key begins than that before."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.zeros(0, int)


class Looks:
    """Looks at the end of each day, at users' totals until then, for any number of metrics.

    A user counts from the first day with an `x` above 0, their first list; what they did on days before is left out.
    """

    def __init__(self, x: Totals, metrics: Sequence[Totals], looks: int) -> None:
        """`x` are lists or what else is divided by; `metrics` all that `at` will be asked about."""
        self._looks = looks
        self._keys = _each_once(np.concatenate([x.keys, *(one.keys for one in metrics)]))
        whose = users(self._keys, looks)
        self._day = (self._keys - (whose << _day_bits(looks))).astype(np.intp)
        self._starts = _starts(whose)
        self._first = np.zeros(len(whose), bool)
        self._first[self._starts] = True
        self._lengths = np.diff(self._starts, append=len(whose))
        lists = self._spread(x)
        self._lists = self._running(lists)
        self._lists_before = self._lists - lists
        self._entered = self._lists > 0
        self.n = self._until(self._entered & (self._lists_before == 0))
        self.x = self._until(lists)
        self.xx = self._until(lists * (self._lists + self._lists_before))

    def at(self, y: Totals) -> Moments:
        """The moments at each look."""
        added = np.where(self._entered, self._spread(y), 0.0)
        value = self._running(added)
        # A user's first day begins at zero, not at what rounding leaves of the users before.
        before = np.where(self._first, 0.0, np.roll(value, 1))
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

    def _spread(self, totals: Totals) -> Floats:
        """The sums, with 0 where a key has none."""
        found = np.zeros(len(self._keys))
        found[np.searchsorted(self._keys, totals.keys)] = totals.sums
        return found

    def _running(self, values: Floats) -> Floats:
        """Sums so far, beginning anew with each user."""
        total = np.cumsum(values)
        return np.asarray(total - np.repeat((total - values)[self._starts], self._lengths))

    def _until(self, added: npt.NDArray[np.generic]) -> Floats:
        return np.cumsum(np.bincount(self._day, weights=added, minlength=self._looks))
