from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.recipes import artefact as module
from openpersonalize.recipes.artefact import Artefact, Histories, Seen
from openpersonalize.recipes.catalog import BY_NAME
from openpersonalize.recipes.data import TrainingData, Vocabulary
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.popularity import PopularityCount


def data(users: list[str], lengths: list[int]) -> TrainingData:
    total = sum(lengths)
    return TrainingData(
        users=Vocabulary(tuple(users)),
        items=Vocabulary(("a", "b", "c")),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        item=np.arange(total) % 3,
        timestamp=np.arange(total) + 1000,
        event_type=np.arange(total) % 2,
        event_types=("click", "view"),
    )


@given(st.lists(st.text(max_size=5), unique=True, min_size=1), st.data())
def test_everybody_finds_the_own_history_and_nobody_another_ones(users: list[str], draw: st.DataObject) -> None:
    lengths = draw.draw(st.lists(st.integers(0, 4), min_size=len(users), max_size=len(users)))
    events = data(users, lengths)
    histories = Histories.of(events)
    for number, user in enumerate(users):
        found = histories.get(user)
        assert found is not None
        assert found.items.tolist() == events.history(number).items.tolist()
        assert found.timestamps.tolist() == events.history(number).timestamps.tolist()
        assert found.event_types.tolist() == events.history(number).event_types.tolist()
    assert histories.get("somebody else") is None


@given(st.lists(st.text(max_size=5), unique=True, min_size=1), st.data())
def test_saved_histories_forget_users_and_keep_the_others(users: list[str], draw: st.DataObject) -> None:
    forgotten = draw.draw(st.sets(st.sampled_from(users)))
    with TemporaryDirectory() as name:
        folder = Path(name)
        Histories.of(data(users, [2] * len(users))).save(folder)
        mapped = Histories.load(folder)
        before = {user: mapped.get(user) for user in users}
        assert Histories.forget(folder, [*sorted(forgotten), "somebody else"]) == len(forgotten)
        assert [user for user in users if mapped.get(user) is None] == [user for user in users if user in forgotten]
        for user in set(users) - forgotten:
            found, known = mapped.get(user), before[user]
            assert found is not None
            assert known is not None
            assert found.items.tolist() == known.items.tolist()


def test_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_digest", lambda _: bytes(8))
    histories = Histories.of(data(["ann", "bob"], [1, 2]))
    assert [len(histories.get(user) or ()) for user in ("ann", "bob")] == [1, 2]
    assert histories.get("carl") is None


def test_only_the_latest_events_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LATEST_EVENTS", 2)
    found = Histories.of(data(["ann"], [5])).get("ann")
    assert found is not None
    assert found.timestamps.tolist() == [1003, 1004]


def test_of_a_long_history_the_newest_of_each_type_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "LATEST_EVENTS", 3)
    monkeypatch.setattr(module, "EVENTS_PER_TYPE", 2)
    events = replace(data(["ann", "bob"], [7, 3]), event_type=np.array([0, 0, 0, 1, 1, 1, 1, 0, 1, 0]))
    model = PopularityCount().fit(events, np.random.default_rng(1), quiet)
    seen = Seen.of(events, learned=True)
    Artefact.of(model, BY_NAME["aws-popularity-count"], events, {}, seen=seen).save(tmp_path)
    loaded = Artefact.load(tmp_path)
    found, types = loaded.did("ann")
    assert found.timestamps.tolist() == [1001, 1002, 1005, 1006]
    assert [types.ids[kind] for kind in found.event_types] == ["click", "click", "view", "view"]
    assert loaded.did("bob")[0].timestamps.tolist() == [1007, 1008, 1009]
    assert len(loaded.history("ann") or ()) == 3
    assert len(loaded.did("carl")[0]) == 0


def test_an_artefact_survives_its_folder(tmp_path: Path) -> None:
    events = data(["ann", "bob"], [1, 4])
    model = PopularityCount().fit(events, np.random.default_rng(1), quiet)
    recipe = BY_NAME["aws-popularity-count"]
    Artefact.of(model, recipe, events, {"seed": 1}).save(tmp_path)
    loaded = Artefact.load(tmp_path)
    assert loaded.recipe is recipe
    assert loaded.manifest == {"recipe": "aws-popularity-count", "seed": 1}
    assert loaded.event_types.ids == ("click", "view")
    assert loaded.popular.tolist() == [0, 1, 2]
    assert loaded.everything.tolist() == [0, 1, 2]
    assert not loaded.gives_scores
    assert len(loaded.history("bob") or ()) == 4
    assert loaded.history("carl") is None


def test_an_artefact_without_users_can_be_kept(tmp_path: Path) -> None:
    events = replace(data([], []))
    model = PopularityCount().fit(events, np.random.default_rng(1), quiet)
    Artefact.of(model, BY_NAME["aws-popularity-count"], events, {}).save(tmp_path)
    assert Artefact.load(tmp_path).history("ann") is None
