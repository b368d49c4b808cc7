from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from openpersonalize.expressions.columns import Numbers, Table
from openpersonalize.recipes.data import History, Vocabulary
from openpersonalize.serving.actions import last_met, rank_actions

NOW, DAY = 1_700_000_000, 86_400
ARTEFACT: Any = SimpleNamespace(model=SimpleNamespace(items=Vocabulary(("a", "b", "c"))))


@dataclass(frozen=True)
class Put:
    """An event that streamed in."""

    item_id: str | None
    timestamp: int
    event_type: str | None = field(default="VIEWED")


def table(ids: str, **columns: Sequence[float | None]) -> Table:
    return Table(
        {action_id: row for row, action_id in enumerate(ids)},
        {name: Numbers.of(values) for name, values in columns.items()},
    )


def ranked(actions: Table, met: dict[str, int] | None = None, k: int = 10) -> list[tuple[str, float]]:
    rows = rank_actions(ARTEFACT, actions, np.array([0.2, 0.9, 0.2]), met=met or {}, now=NOW, k=k)
    return [(row.action_id, row.score) for row in rows]


def test_propensity_comes_first_then_value_then_the_newest() -> None:
    actions = table("abcde", VALUE=[1, 1, 5, None, None], CREATION_TIMESTAMP=[1, 1, 1, 1, 2])
    assert ranked(actions) == [("b", 0.9), ("c", 0.2), ("a", 0.2), ("e", 0.0), ("d", 0.0)]
    assert ranked(actions, k=1) == [("b", 0.9)]
    assert ranked(table("")) == []


def test_an_action_that_is_no_longer_in_the_dataset_is_not_recommended() -> None:
    assert ranked(table("ac")) == [("a", 0.2), ("c", 0.2)]


def test_expired_actions_are_left_out() -> None:
    for name in ("EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP"):
        assert [row[0] for row in ranked(table("abc", **{name: [NOW + 1, NOW, None]}))] == ["a", "c"]


def test_an_action_rests_for_its_repeat_frequency_after_the_user_met_it() -> None:
    actions = table("abc", REPEAT_FREQUENCY=[2, 2, None])
    met = {"a": NOW - 2 * DAY, "b": NOW - 2 * DAY + 1, "c": NOW}
    assert [row[0] for row in ranked(actions, met)] == ["a", "c"]


def test_what_was_met_is_in_the_models_history_or_streamed_also_of_new_actions() -> None:
    history = History(np.array([0, 1, 0]), np.zeros(3, np.int64), np.array([5, 6, 7]))
    met = last_met(ARTEFACT, history, [Put("b", 4), Put("new", 9), Put("a", 8)])
    assert met == {"a": 8, "b": 6, "new": 9}
