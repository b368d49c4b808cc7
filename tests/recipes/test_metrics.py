from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.recipes.metrics import (
    CUTS,
    HeldOut,
    item_metrics,
    ndcg,
    precision,
    reciprocal_rank,
    weighted_metrics,
    weighted_ndcg,
)
from openpersonalize.recipes.ranking import best, rankings

KEYS = [
    "coverage",
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "precision_at_10",
    "precision_at_25",
    "precision_at_5",
]
USERS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 40), unique=True, max_size=25),
        st.dictionaries(st.integers(0, 40), st.floats(0.1, 2.0), min_size=1, max_size=30),
    ),
    min_size=1,
    max_size=8,
)


def padded(lists: list[list[int]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array([own + [-1] * (25 - len(own)) for own in lists], np.int64)


def test_the_figures_of_amazons_guide_come_out() -> None:
    found = item_metrics(padded([[7, 1, 8, 9, 2]]), HeldOut.of([{1: 1.0, 2: 1.0}]), 50)
    assert list(found) == KEYS
    assert found["coverage"] == 0.1
    assert found["mean_reciprocal_rank_at_25"] == 0.5
    assert found["normalized_discounted_cumulative_gain_at_5"] == 0.6241
    assert found["precision_at_5"] == 0.4
    assert found["precision_at_10"] == 0.2
    lists = [[20, 21, 22, 1], [20, 1], [20, 21, 22, 23, 24, 1]]
    assert item_metrics(padded(lists), HeldOut.of([{1: 1.0}] * 3), 50)["mean_reciprocal_rank_at_25"] == 0.3056


@given(USERS)
def test_arrays_say_what_the_definitions_say(users: list[tuple[list[int], dict[int, float]]]) -> None:
    lists, gains = padded([ranked for ranked, _ in users]), HeldOut.of([gains for _, gains in users])
    found = item_metrics(lists, gains, 41) | weighted_metrics(lists, gains)

    def mean(values: list[float]) -> Any:
        return pytest.approx(sum(values) / len(values), abs=5.1e-5)

    assert found["mean_reciprocal_rank_at_25"] == mean([reciprocal_rank(own, set(held)) for own, held in users])
    for k in CUTS:
        assert found[f"precision_at_{k}"] == mean([precision(own, set(held), k) for own, held in users])
        plain, weighted = "normalized_discounted_cumulative_gain", [weighted_ndcg(own, held, k) for own, held in users]
        assert found[f"{plain}_at_{k}"] == mean([ndcg(own, set(held), k) for own, held in users])
        assert found[f"{plain}_with_event_weights_at_{k}"] == mean(weighted)


@given(st.lists(st.integers(0, 30), unique=True, min_size=2, max_size=25), st.data())
def test_moving_a_relevant_item_up_never_lowers_ndcg(ranked: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(ranked) - 1))
    relevant = {ranked[place]} | data.draw(st.sets(st.sampled_from(ranked)))
    moved = [*ranked[: place - 1], ranked[place], ranked[place - 1], *ranked[place + 1 :]]
    assert ndcg(moved, relevant, 25) >= ndcg(ranked, relevant, 25) - 1e-12


@given(USERS)
def test_equal_weights_give_the_plain_ndcg(users: list[tuple[list[int], dict[int, float]]]) -> None:
    lists = padded([ranked for ranked, _ in users])
    equal = HeldOut.of([dict.fromkeys(held, 1.0) for _, held in users])
    plain, weighted = item_metrics(lists, equal, 41), weighted_metrics(lists, equal)
    for k in CUTS:
        name = "normalized_discounted_cumulative_gain"
        assert weighted[f"{name}_with_event_weights_at_{k}"] == plain[f"{name}_at_{k}"]


def test_a_user_with_nothing_held_out_is_left_out_of_ndcg() -> None:
    found = item_metrics(padded([[1], [2]]), HeldOut.of([{1: 1.0}, {}]), 2)
    assert found["normalized_discounted_cumulative_gain_at_5"] == 1.0
    assert found["mean_reciprocal_rank_at_25"] == 0.5


def test_nothing_to_measure_gives_zeros_under_every_key() -> None:
    nobody = np.zeros((0, 25), np.int64)
    assert item_metrics(nobody, HeldOut.of([]), 0) == dict.fromkeys(KEYS, 0.0)
    assert set(weighted_metrics(nobody, HeldOut.of([])).values()) == {0.0}


@given(st.lists(st.integers(-5, 5), max_size=30), st.integers(1, 12))
def test_the_best_are_the_first_of_a_full_stable_sort(scores: list[int], k: int) -> None:
    values = np.array(scores, float)
    assert best(values, k).tolist() == np.argsort(-values, kind="stable")[:k].tolist()
    assert rankings(values[None], k)[0, : len(scores)].tolist() == best(values, k).tolist()
