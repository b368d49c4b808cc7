"""Scores are thought of once per model and history, within a bound of memory."""

from typing import cast

import numpy as np
import pytest

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History, Ints
from openpersonalize.serving.scores import Scores


class Model:
    """Counts how often it is asked about its four items."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, history: History, candidates: Ints) -> Floats:
        """The sum of the items of the history, for each candidate."""
        self.asked += 1
        return np.full(len(candidates), history.items.sum(), np.float32)


class Version:
    """As much of an artefact as is looked at."""

    def __init__(self) -> None:
        self.model = Model()
        self.everything = np.arange(4)


def version() -> tuple[Artefact, Model]:
    made = Version()
    return cast("Artefact", made), made.model


def test_the_same_history_is_scored_once() -> None:
    artefact, model = version()
    scores = Scores(1000)
    for _ in range(3):
        assert scores.of("v1", artefact, History.of([1, 2])).tolist() == [3, 3, 3, 3]
    assert model.asked == 1


def test_another_order_another_model_and_another_event_type_are_asked_anew() -> None:
    artefact, model = version()
    scores = Scores(1000)
    scores.of("v1", artefact, History.of([1, 2]))
    scores.of("v1", artefact, History.of([2, 1]))
    scores.of("v2", artefact, History.of([1, 2]))
    seen = History.of([1, 2])
    scores.of("v1", artefact, History(seen.items, seen.event_types + 1, seen.timestamps))
    assert model.asked == 4


def test_the_least_recently_used_is_let_go() -> None:
    artefact, model = version()
    scores = Scores(2 * 16)
    for item in (1, 2, 1, 3, 1, 2):
        scores.of("v1", artefact, History.of([item]))
    assert model.asked == 4


def test_nothing_is_kept_without_memory() -> None:
    artefact, model = version()
    scores = Scores(0)
    for _ in range(2):
        scores.of("v1", artefact, History.of([1]))
    assert model.asked == 2


def test_nobody_writes_into_what_others_read() -> None:
    artefact, _ = version()
    with pytest.raises(ValueError, match="read-only"):
        Scores(1000).of("v1", artefact, History.of([1]))[0] = 1.0
