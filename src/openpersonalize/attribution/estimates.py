"""A number with its two intervals, as a report shows it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from openpersonalize.attribution import intervals


@dataclass(frozen=True)
class Interval:
    """Both ends, included."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, None where nothing can be divided by, and how sure it is; see docs/attribution-statistics.md.

    `users` and `active` (who brought something) are of the smaller side where it is a difference. Without intervals,
    `missing` says what there is too little of.
    """

    value: float | None
    users: int
    active: int
    fixed: Interval | None
    anytime: Interval | None
    missing: str | None


def at_look(numbers: intervals.Estimates) -> tuple[Estimate, ...]:
    """The estimate at each look."""
    looks = zip(
        *map(_plain, (numbers.value, numbers.users, numbers.active)),
        _plain(numbers.enough),
        _ends(intervals.fixed(numbers)),
        _ends(intervals.anytime(numbers)),
        strict=True,
    )
    return tuple(
        Estimate(
            value=None if math.isnan(value) else value,
            users=int(users),
            active=int(active),
            fixed=fixed if enough else None,
            anytime=anytime if enough else None,
            missing=None if enough else _missing(int(users), int(active)),
        )
        for value, users, active, enough, fixed, anytime in looks
    )


def _plain(values: npt.NDArray[Any]) -> list[Any]:
    found: list[Any] = np.atleast_1d(values).tolist()
    return found


def _ends(bounds: intervals.Bounds) -> list[Interval]:
    return [Interval(low, high) for low, high in zip(_plain(bounds.low), _plain(bounds.high), strict=True)]


def _missing(users: int, active: int) -> str:
    if users < intervals.LEAST_USERS:
        return f"not enough data: {users} of {intervals.LEAST_USERS} users"
    if active < intervals.LEAST_ACTIVE:
        return f"not enough data: {active} of {intervals.LEAST_ACTIVE} users who brought something"
    return "all users are alike"
