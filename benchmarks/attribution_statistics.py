"""How often the intervals of attribution reports are wrong, in comparisons where nothing differs (A/A).

Users are split at random into two sides; a report is read every evening for four weeks. An interval is wrong when it
leaves out zero, the true difference. Beside our two stand two that one might use instead.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openpersonalize.attribution import intervals
from openpersonalize.attribution.moments import Floats, Moments

COMPARISONS = 1000
USERS = 2000
DAYS = 28
CHUNK = 25
ENOUGH = "had enough data"

Draw = Callable[[np.random.Generator, tuple[int, int, int]], tuple[Floats, Floats]]
"""Lists and values of each comparison, user and day."""


def _newcomers(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Users who come once, on any day, and buy or do not."""
    comes = np.arange(shape[2]) == rng.integers(0, shape[2], shape[:2])[..., None]
    return comes.astype(np.float64), (comes & (rng.random(shape[:2]) < 0.1)[..., None]).astype(np.float64)


def _lists(rng: np.random.Generator, shape: tuple[int, int, int], mean: float = 0.5) -> tuple[Floats, Floats]:
    """Lists of users who come back, some daily and most now and then; also each user's zeal."""
    zeal = rng.gamma(0.7, 1 / 0.7, shape[:2])[..., None]
    return rng.poisson(mean * zeal, shape).astype(np.float64), zeal


def _clicks(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Clicks on those lists; who comes often clicks more on each."""
    lists, zeal = _lists(rng, shape)
    return lists, rng.binomial(lists.astype(np.int64), zeal / (zeal + 6)).astype(np.float64)


def _money(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Purchases at log-normal prices: the dearest of 2,000 costs as much as 100 average ones."""
    lists, zeal = _lists(rng, shape)
    bought = rng.poisson(0.08 * np.minimum(zeal, 4) * (lists > 0))
    paid = bought.astype(np.float64)
    paid[bought > 0] *= rng.lognormal(3.0, 1.5, int((bought > 0).sum()))
    return lists, paid


def _once(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Everybody is there from the first day and buys once at most."""
    day = rng.geometric(0.01 + 0.02 * rng.random(shape[:2]))
    bought = np.arange(1, shape[2] + 1) == day[..., None]
    return np.ones(shape), bought.astype(np.float64)


def _steady(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """The same users every day with fresh luck, none more eager than another."""
    return np.ones(shape), rng.poisson(0.15, shape).astype(np.float64)


@dataclass(frozen=True)
class Scenario:
    """Where data come from, which number is compared, and the first side's share of the users."""

    draw: Draw
    number: Callable[[Moments], intervals.Estimates]
    share: float = 0.5


SCENARIOS: Mapping[str, Scenario] = {
    "new users, bought or not": Scenario(_newcomers, intervals.mean),
    "returning users, clicks per user": Scenario(_clicks, intervals.mean),
    "returning users, clicks per list": Scenario(_clicks, intervals.ratio),
    "returning users, money per user": Scenario(_money, intervals.mean),
    "the same, one user in four against three": Scenario(_money, intervals.mean, share=0.25),
    "a purchase per user at most": Scenario(_once, intervals.mean),
    "steady users, fresh luck": Scenario(_steady, intervals.mean),
}


def moments(x: Floats, y: Floats) -> Moments:
    """At each look, of the users' totals until then; (comparisons, users, days) becomes (comparisons, days)."""
    lists = np.cumsum(x, axis=-1)
    total = np.cumsum(y * (lists > 0), axis=-1)
    n, active = ((values > 0).sum(axis=1).astype(np.float64) for values in (lists, total))
    sums = (np.einsum("cud,cud->cd", one, other) for one, other in ((lists, lists), (total, total), (lists, total)))
    return Moments(n, active, lists.sum(axis=1), total.sum(axis=1), *sums)


def _rows(x: Floats, y: Floats) -> Moments:
    """What one gets who takes each day of a user for a new user."""
    there = x > 0
    sums = (there, y > 0, x, y, x * x, y * y, x * y)
    return Moments(*(np.cumsum(values.sum(axis=1, dtype=np.float64), axis=-1) for values in sums))


Wrong = npt.NDArray[np.bool_]


def wrong(scenario: Scenario, rng: np.random.Generator, comparisons: int, users: int, days: int) -> dict[str, Wrong]:
    """Which comparisons had enough data at the end, and which of all each kind of interval gets wrong."""
    first = round(scenario.share * users)
    found: dict[str, list[Wrong]] = {}
    for size in _chunks(comparisons):
        x, y = scenario.draw(rng, (size, users, days))
        sides = (x[:, :first], y[:, :first]), (x[:, first:], y[:, first:])
        for name, answer in _answers(scenario, sides).items():
            found.setdefault(name, []).append(answer)
    return {name: np.concatenate(answers) for name, answers in found.items()}


def _chunks(comparisons: int) -> Iterator[int]:
    yield from (min(CHUNK, comparisons - start) for start in range(0, comparisons, CHUNK))


def _answers(scenario: Scenario, sides: tuple[tuple[Floats, Floats], tuple[Floats, Floats]]) -> dict[str, Wrong]:
    ours = intervals.difference(*(scenario.number(moments(*side)) for side in sides))
    rows = intervals.difference(*(scenario.number(_rows(*side)) for side in sides))
    fixed = intervals.fixed(ours)
    return {
        ENOUGH: ours.enough[:, -1],
        "one look, fixed": _misses(fixed)[..., -1],
        "daily looks, anytime": np.asarray(_misses(intervals.anytime(ours)).any(axis=-1)),
        "daily looks, fixed": np.asarray(_misses(fixed).any(axis=-1)),
        "one look, days as users": _misses(intervals.fixed(rows))[:, -1],
    }


def _misses(bounds: intervals.Bounds) -> Wrong:
    return np.asarray((bounds.low > 0) | (bounds.high < 0))


def run(comparisons: int = COMPARISONS, users: int = USERS, seed: int = 1) -> list[str]:
    """The table: how many comparisons had enough data, and how often each interval was wrong, in percent."""
    from benchmarks.tables import markdown

    rows = []
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        answers = wrong(scenario, np.random.default_rng([seed, number]), comparisons, users, DAYS)
        rows.append({"in %": name, **{kind: round(100 * float(found.mean()), 1) for kind, found in answers.items()}})
    error = 100 * math.sqrt(0.05 * 0.95 / comparisons)
    return [
        f"## Attribution: intervals in {comparisons:,} A/A comparisons, {users:,} users, {DAYS} daily looks",
        "",
        markdown(rows),
        "",
        f"Chance alone moves these figures by about {error:.1f} points (one standard error at 5 %).",
    ]
