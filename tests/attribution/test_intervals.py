from dataclasses import replace

import numpy as np
import pytest

from benchmarks import attribution_statistics as simulation
from openpersonalize.attribution import intervals
from openpersonalize.attribution.moments import of_units


def test_a_mean_has_the_usual_interval() -> None:
    y = np.arange(400.0)
    found = intervals.mean(of_units(np.ones(400), y))
    bounds = intervals.fixed(found)
    error = y.std(ddof=1) / 20
    assert found.value == pytest.approx(199.5)
    assert (bounds.low, bounds.high) == pytest.approx((199.5 - 1.96 * error, 199.5 + 1.96 * error), rel=1e-4)


def test_a_ratio_is_as_uncertain_as_the_bootstrap_says() -> None:
    rng = np.random.default_rng(1)
    lists = rng.poisson(3, 2000).astype(np.float64) + 1
    clicks = rng.binomial(lists.astype(int), 0.2).astype(float)
    found = intervals.ratio(of_units(lists, clicks))
    again = rng.integers(0, 2000, (1000, 2000))
    assert found.value == pytest.approx(clicks.sum() / lists.sum())
    assert np.sqrt(found.variance) == pytest.approx((clicks[again].sum(1) / lists[again].sum(1)).std(), rel=0.1)


def test_users_who_are_all_alike_leave_a_ratio_without_doubt() -> None:
    lists = np.arange(1.0, 301.0)
    assert intervals.ratio(of_units(lists, 2 * lists)).variance == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("users", "active", "enough"), [(100, 50, True), (99, 50, False), (1000, 49, False)])
def test_an_interval_needs_users_and_some_who_brought_something(users: int, active: int, enough: bool) -> None:  # noqa: FBT001
    y = (np.arange(users) < active).astype(np.float64)
    found = intervals.mean(of_units(np.ones(users), y))
    assert bool(found.enough) is enough
    for bounds in (intervals.fixed(found), intervals.anytime(found)):
        assert np.isnan(bounds.low) != enough


def test_nobody_is_not_enough() -> None:
    found = intervals.mean(of_units(np.zeros(0), np.zeros(0)))
    assert not found.enough
    assert np.isnan(intervals.difference(found, found).value)


def test_the_anytime_interval_begins_with_the_first_look_that_has_enough() -> None:
    looks = [50, 200, 400, 1600]
    y = np.random.default_rng(1).random(1600)
    seen = np.array([[place < look for look in looks] for place in range(1600)])
    moments = of_units(seen.astype(np.float64), seen * y[:, None], axis=0)
    found = intervals.mean(replace(moments, n=seen.sum(0).astype(np.float64)))
    usual, always = intervals.fixed(found), intervals.anytime(found)
    wider = (always.high - always.low) / (usual.high - usual.low)
    assert np.isnan(wider[0])
    assert wider[1:] == pytest.approx([1.87, 1.66, 1.55], abs=0.03)


@pytest.mark.parametrize("name", simulation.SCENARIOS)
def test_where_nothing_differs_the_intervals_seldom_say_so(name: str) -> None:
    """A small seeded part of the benchmark: bounds leave three standard errors for chance."""
    answers = simulation.wrong(simulation.SCENARIOS[name], np.random.default_rng(7), 200, 1000, 14)
    assert answers["daily looks, anytime"].mean() <= 0.05
    if answers[simulation.ENOUGH].all():
        assert answers["one look, fixed"].mean() <= 0.05 + 3 * 0.0154
