"""Sources that users were assigned to at random, compared with the first of them, with a verdict.

Two things must hold before a verdict is given: hardly anybody was served by both sides, and the sides are as large as
they were meant to be. Otherwise the assignment did not work, and a difference may come from that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openpersonalize.attribution import intervals
from openpersonalize.attribution.estimates import Estimate, at_look
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.moments import Floats
from openpersonalize.attribution.tally import SourceMoments

MOST_SHARED = 0.01
"""Share of the smaller side's users who may have been served by both."""
SHARE_CONFIDENCE = 0.999
"""Fabijan et al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019, use such a level."""

HIGHER, LOWER, UNDECIDED = "higher", "lower", "no difference shown"
TOO_LITTLE, WITHHELD = "not enough data", "withheld"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How much more `source` brings per user than `reference`; the verdict rests on the anytime interval.

    `reason` says why there is none, or why it is withheld.
    """

    metric: str
    source: str
    reference: str
    difference: Estimate
    shared_users: int
    verdict: str
    reason: str | None


def compare(
    people: Mapping[str, SourceMoments], measures: Sequence[Measure], shares: Mapping[str, float]
) -> tuple[Comparison, ...]:
    """Every source of `shares` against the first, by metric; ValueError for a source that served nothing."""
    for name, share in shares.items():
        if name not in people or not people[name].served:
            raise ValueError(f"randomised: {name} served no list in the period; a comparison needs users served.")
        if share <= 0:
            raise ValueError(f"randomised: the share of {name} is {share}; it must be above 0.")
    if len(shares) < 2:  # noqa: PLR2004 - a pair
        return ()
    reference, *others = shares
    return tuple(found for name in others for found in _pair(people, measures, shares, name=name, reference=reference))


def _pair(
    people: Mapping[str, SourceMoments],
    measures: Sequence[Measure],
    shares: Mapping[str, float],
    *,
    name: str,
    reference: str,
) -> list[Comparison]:
    one, other = people[name], people[reference]
    shared = len(np.intersect1d(one.users, other.users))
    sizes = [next(iter(side.by_metric.values())).n for side in (one, other)]
    fault = _fault(sizes[0], sizes[1], shares[name] / (shares[name] + shares[reference]), shared)
    found = []
    for measure in measures:
        sides = (intervals.mean(side.by_metric[measure.name]) for side in (one, other))
        difference = at_look(intervals.difference(*sides))[-1]
        found.append(
            Comparison(
                metric=measure.name,
                source=name,
                reference=reference,
                difference=difference,
                shared_users=shared,
                verdict=WITHHELD if fault else _verdict(difference),
                reason=fault or difference.missing,
            )
        )
    return found


def _verdict(difference: Estimate) -> str:
    if difference.anytime is None:
        return TOO_LITTLE
    if difference.anytime.low <= 0 <= difference.anytime.high:
        return UNDECIDED
    return HIGHER if difference.anytime.low > 0 else LOWER


def _fault(one: Floats, other: Floats, meant: float, shared: int) -> str | None:
    """What is wrong with the assignment."""
    smaller = int(min(one[-1], other[-1]))
    if shared > MOST_SHARED * smaller:
        return f"{shared} users were served by both sources; at most {MOST_SHARED:.0%} of {smaller} may be"
    users = one + other
    with np.errstate(divide="ignore", invalid="ignore"):
        share = intervals.Estimates(one / users, meant * (1 - meant) / users, users, users, np.minimum(one, other))
    bounds = intervals.anytime(share, SHARE_CONFIDENCE)
    if bounds.low[-1] > meant or bounds.high[-1] < meant:
        return f"{one[-1] / users[-1]:.1%} of the users came to this source; {meant:.1%} were meant to"
    return None
