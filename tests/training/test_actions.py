from pathlib import Path
from typing import Any

import pytest

from openpersonalize.errors import JobFailed
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.models import quiet
from openpersonalize.training import Limits, Order, Trained, train
from openpersonalize.training.encoding import Source
from tests.recipes.models.test_propensity import ACTIONS, offers
from tests.training.data import schema, source
from tests.training.test_fit import shelf


def actions(count: int = ACTIONS + 2) -> Source:
    return source(schema("Actions", ACTION_ID="string", VALUE="long"), [(f"a{number}", 1) for number in range(count)])


def met() -> Source:
    data = offers()
    rows: list[Any] = [
        (data.users.ids[user], data.items.ids[action], data.event_types[kind], int(time))
        for user, action, kind, time in zip(data.user, data.item, data.event_type, data.timestamp, strict=True)
    ]
    columns = {"USER_ID": "string", "ACTION_ID": "string", "EVENT_TYPE": "string", "TIMESTAMP": "long"}
    return source(schema("ActionInteractions", **columns), [*rows, (None, "a1", "TAKEN", 1)])


def run(folder: Path, **more: Source) -> Trained:
    records = shelf(**more)
    return train(Order(recipe="aws-next-best-action"), records, records.asked, folder, quiet)


def test_a_training_learns_from_action_interactions_and_is_measured_as_a_classifier(tmp_path: Path) -> None:
    trained = run(tmp_path, ACTIONS=actions(), ACTION_INTERACTIONS=met())
    assert trained.metrics["area_under_curve"] > 0.65
    assert trained.metrics["coverage"] == 0.8
    assert 0.5 < trained.metrics["precision"] < 1
    assert 0.3 < trained.metrics["recall"] < 1
    assert trained.manifest["counts"]["interactions"] == 7200
    assert trained.manifest["hyperparameters"] == {"action_optimization_period": 14}
    artefact = Artefact.load(trained.folder)
    assert len(artefact.model.items) == ACTIONS + 2
    own = artefact.history("u0003")
    assert own is not None
    assert len(own) == 12


def test_without_action_interactions_all_metrics_are_0(tmp_path: Path) -> None:
    trained = run(tmp_path, ACTIONS=actions())
    assert trained.metrics == {"area_under_curve": 0.0, "coverage": 0.0, "precision": 0.0, "recall": 0.0}
    assert Artefact.load(trained.folder).history("u0003") is None


def test_without_actions_or_enough_item_interactions_there_is_no_training(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="has no Actions dataset"):
        run(tmp_path)
    records = shelf(ACTIONS=actions())
    few = Order(recipe="aws-next-best-action", limits=Limits(interactions=5000))
    with pytest.raises(JobFailed, match="fewer than 5000 interactions"):
        train(few, records, records.asked, tmp_path, quiet)
