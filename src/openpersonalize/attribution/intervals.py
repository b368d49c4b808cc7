"""How sure a number of a report is: an interval for one look, and one that holds however often one looks.

Both rest on users as independent units. The reasoning, and what was refused, is in docs/attribution-statistics.md; how
often the intervals are wrong is measured by `python -m benchmarks attribution_statistics`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from openpersonalize.attribution.moments import Floats, Moments

CONFIDENCE = 0.95
LEAST_USERS = 100
"""Users a number needs, on each side of a difference, before an interval is given."""
LEAST_ACTIVE = 50
"""Of these, users who brought something: with fewer buyers the usual interval is wrong more often than it says."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """One number, or one at each look (last axis), with what its intervals need.

    `weight` turns the number into a sum over users: users for a mean, all of `x` for a ratio.
    """

    value: Floats
    variance: Floats
    weight: Floats
    users: Floats
    active: Floats

    @property
    def enough(self) -> npt.NDArray[np.bool_]:
        """Whether an interval may be given."""
        return np.asarray((self.users >= LEAST_USERS) & (self.active >= LEAST_ACTIVE) & (self.variance > 0))

    @property
    def time(self) -> Floats:
        """Intrinsic time: the variance of the sum over users, which grows with every new user and every new event."""
        return np.asarray(self.weight * self.weight * self.variance)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Both ends of intervals; NaN where there is not enough data."""

    low: Floats
    high: Floats


def mean(moments: Moments) -> Estimates:
    """`y` per user."""
    n = moments.n
    with np.errstate(divide="ignore", invalid="ignore"):
        value = moments.y / n
        spread = np.maximum(moments.yy - moments.y * value, 0.0) / (n - 1)
        return Estimates(value, spread / n, n, n, moments.active)


def ratio(moments: Moments) -> Estimates:
    """All of `y` by all of `x`, such as clicks per list, by the delta method.

    Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018, https://arxiv.org/abs/1803.06336.
    """
    n = moments.n
    with np.errstate(divide="ignore", invalid="ignore"):
        value = moments.y / moments.x
        residual = moments.yy - 2 * value * moments.xy + value * value * moments.xx
        variance = np.maximum(residual, 0.0) * n / (n - 1) / (moments.x * moments.x)
        return Estimates(value, variance, moments.x, n, moments.active)


def difference(one: Estimates, other: Estimates) -> Estimates:
    """How much more `one` is than `other`, their users being different people."""
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = one.weight * other.weight / (one.weight + other.weight)
    return Estimates(
        one.value - other.value,
        one.variance + other.variance,
        weight,
        np.minimum(one.users, other.users),
        np.minimum(one.active, other.active),
    )


def fixed(estimates: Estimates, confidence: float = CONFIDENCE) -> Bounds:
    """The usual interval: right with this probability for one look, chosen before the data were seen."""
    width = NormalDist().inv_cdf((1 + confidence) / 2) * _deviation(estimates)
    return Bounds(estimates.value - width, estimates.value + width)


def anytime(estimates: Estimates, confidence: float = CONFIDENCE) -> Bounds:
    """Intervals that hold at all looks together with this probability, for large samples.

    The normal mixture boundary of Robbins (1970), as the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha,
    Kennedy and Ramdas (2024), https://arxiv.org/abs/2103.06476, with the variance of the sum as its time instead of a
    count. The last axis is that of looks, from the first day on; the mixture is as wide as the time at the first look
    that has enough data, so that the interval is about 1.9 times the usual one there and 1.5 to 1.7 times later.
    """
    factor = _boundary(_times_first(estimates), 1 - confidence)
    width = factor * _deviation(estimates)
    return Bounds(estimates.value - width, estimates.value + width)


def _deviation(estimates: Estimates) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(estimates.enough, np.sqrt(estimates.variance), math.nan)


def _times_first(estimates: Estimates) -> Floats:
    """Time in units of that of the first look with enough data; NaN where there is not enough."""
    enough, time = np.atleast_1d(estimates.enough), np.atleast_1d(estimates.time)
    first = np.take_along_axis(time, np.argmax(enough, axis=-1)[..., None], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough, time / first, math.nan).reshape(np.shape(estimates.time))


def _boundary(time: Floats, alpha: float) -> Floats:
    """How many standard deviations a Brownian motion strays, ever, with probability `alpha`."""
    return np.asarray(np.sqrt((1 + 1 / time) * (np.log1p(time) - 2 * math.log(alpha))))
