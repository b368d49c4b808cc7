"""A number with its two intervals, as a report shows it."""

import math
from dataclasses import dataclass

import numpy as np

from openpersonalize.attribution import intervals
from openpersonalize.attribution.moments import Floats


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
    fixed, anytime = intervals.fixed(numbers), intervals.anytime(numbers)
    return tuple(
        Estimate(
            value=None if math.isnan(value) else float(value),
            users=int(users),
            active=int(active),
            fixed=_interval(fixed, look),
            anytime=_interval(anytime, look),
            missing=None if numbers.enough[look] else _missing(int(users), int(active)),
        )
        for look, (value, users, active) in enumerate(
            zip(_plain(numbers.value), _plain(numbers.users), _plain(numbers.active), strict=True)
        )
    )


def _plain(values: Floats) -> list[float]:
    return [float(value) for value in np.atleast_1d(values)]


def _interval(bounds: intervals.Bounds, look: int) -> Interval | None:
    low, high = float(bounds.low[look]), float(bounds.high[look])
    return None if math.isnan(low) else Interval(low, high)


def _missing(users: int, active: int) -> str:
    if users < intervals.LEAST_USERS:
        return f"not enough data: {users} of {intervals.LEAST_USERS} users"
    if active < intervals.LEAST_ACTIVE:
        return f"not enough data: {active} of {intervals.LEAST_ACTIVE} users who brought something"
    return "all users are alike"
