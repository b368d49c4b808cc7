import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openpersonalize.avro import Schema
from openpersonalize.errors import JobFailed
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import History
from openpersonalize.recipes.models import quiet
from openpersonalize.training import Limits, Order, Trained, train, workspace
from openpersonalize.training.encoding import Snapshot, Source
from tests.training.data import checkerboard, interactions, schema, source


class Shelf:
    """Records in memory: datasets by name."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources

    def snapshot(self, dataset: str, _schema: Schema) -> Snapshot:
        """What was put there."""
        return self.sources[dataset].snapshot

    @property
    def asked(self) -> dict[str, tuple[str, Schema]]:
        """What a training is given."""
        return {kind: (kind, source.schema) for kind, source in self.sources.items()}


def shelf(**more: Source) -> Shelf:
    data = checkerboard(users=60, items=40, length=20)
    rows = [
        (data.users.ids[user], data.items.ids[item], int(time), "even" if user % 2 == 0 else "odd")
        for user, item, time in zip(data.user, data.item, data.timestamp, strict=True)
    ]
    return Shelf({"INTERACTIONS": interactions(rows, EVENT_TYPE="string"), **more})


def run(folder: Path, records: Shelf, recipe: str = "aws-sims", **order: Any) -> Trained:
    return train(Order(recipe=recipe, **order), records, records.asked, folder, quiet)


def test_a_training_leaves_metrics_and_a_model_that_answers(tmp_path: Path) -> None:
    trained = run(tmp_path, shelf())
    artefact = Artefact.load(trained.folder)
    seed = artefact.model.items.numbers["item001"]
    scores = artefact.model.score(History.of([seed]), artefact.everything)
    assert artefact.model.items.ids[int(np.argmax(scores))][-1] in "13579"
    assert trained.metrics["normalized_discounted_cumulative_gain_at_25"] > 0.2
    assert len(trained.metrics) == 8
    assert trained.hours >= 0
    own = artefact.history("user003")
    assert own is not None
    assert len(own) == 20
    assert artefact.event_types.ids == ("even", "odd")


def test_the_manifest_tells_how_the_model_was_made(tmp_path: Path) -> None:
    run(tmp_path, shelf(), config={"algorithmHyperParameters": {"min_cointeraction_count": "2"}}, seed=4)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["recipe"] == "aws-sims"
    assert manifest["hyperparameters"]["min_cointeraction_count"] == 2
    assert manifest["hyperparameters"]["popularity_discount_factor"] == 0.5
    assert manifest["order"]["seed"] == 4
    assert manifest["data"] == {"INTERACTIONS": 7}
    assert manifest["counts"] == {
        "users": 60,
        "items": 40,
        "items_met": 40,
        "interactions": 1200,
        "event_types": 2,
        "users_asked": 6,
    }
    assert manifest["versions"]["numpy"] == np.__version__
    assert set(manifest["seconds"]) == {"read", "measure", "fit"}


def test_the_same_order_gives_the_same_metrics_and_files(tmp_path: Path) -> None:
    first, second = (run(tmp_path / name, shelf()) for name in ("a", "b"))
    assert first.metrics == second.metrics
    files = sorted(path.relative_to(first.folder) for path in first.folder.rglob("*.npy"))
    assert files
    assert all((first.folder / name).read_bytes() == (second.folder / name).read_bytes() for name in files)


def test_items_without_events_count_in_the_catalogue(tmp_path: Path) -> None:
    what = schema("Items", ITEM_ID="string", PRICE="float")
    items = source(what, [(f"item{number:03}", 1.0) for number in range(80)])
    bare = run(tmp_path / "a", shelf(), "aws-popularity-count")
    full = run(tmp_path / "b", shelf(ITEMS=items), "aws-popularity-count")
    assert bare.metrics["coverage"] == 25 / 40
    assert full.metrics["coverage"] == round(25 / 80, 4)


def test_an_event_type_narrows_the_data(tmp_path: Path) -> None:
    trained = run(tmp_path, shelf(), event_type="odd", limits=Limits(interactions=600))
    assert trained.manifest["counts"]["interactions"] == 600
    with pytest.raises(JobFailed, match="fewer than 1000 interactions after filtering by event type: odd"):
        run(tmp_path, shelf(), event_type="odd")


def test_progress_goes_forward_and_tells_the_stage(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    records = shelf()
    order = Order(recipe="aws-sims")
    train(order, records, records.asked, tmp_path, lambda share, text: told.append((share, text)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    stages = {text.partition(":")[0] for _, text in told}
    assert {"Reading", "Training for the metrics", "Training on all users", "Saving the model"} <= stages


def test_who_listens_can_stop_a_training(tmp_path: Path) -> None:
    def stop(share: float, _text: str) -> None:
        if share > 0.3:
            raise InterruptedError

    records = shelf()
    with pytest.raises(InterruptedError):
        train(Order(recipe="aws-sims"), records, records.asked, tmp_path / "x", stop)
    assert not (tmp_path / "x").exists()


def test_a_workspace_is_gone_afterwards() -> None:
    with workspace() as folder:
        (folder / "model.npy").write_text("")
    assert not folder.exists()


def views(*purchases: tuple[str, str, int]) -> Shelf:
    """A checkerboard of views, some spelled in small letters, and some purchases."""
    data = checkerboard(users=60, items=40, length=20)
    rows = [
        (data.users.ids[user], data.items.ids[item], int(time), "view" if time % 2 else "View")
        for user, item, time in zip(data.user, data.item, data.timestamp, strict=True)
    ]
    bought = [(user, item, time, "Purchase") for user, item, time in purchases]
    return Shelf({"INTERACTIONS": interactions([*rows, *bought], EVENT_TYPE="string")})


def test_a_use_case_learns_from_its_event_types_and_keeps_the_others_in_histories(tmp_path: Path) -> None:
    records = views(("user001", "item002", 99), ("a buyer", "item002", 99))
    trained = run(tmp_path, records, "aws-ecomm-customers-who-viewed-x-also-viewed")
    assert trained.manifest["counts"]["users"] == 60
    assert trained.manifest["counts"]["interactions"] == 60 * 20
    artefact = Artefact.load(trained.folder)
    for user, events in (("user001", 21), ("a buyer", 1)):
        history = artefact.history(user)
        assert history is not None
        assert len(history) == events
        assert artefact.event_types.ids[history.event_types[-1]] == "Purchase"
    assert not artefact.gives_scores


def test_a_use_case_without_enough_events_of_its_type_says_so(tmp_path: Path) -> None:
    with pytest.raises(JobFailed) as failed:
        run(tmp_path, views(("user001", "item002", 99)), "aws-ecomm-frequently-bought-together")
    assert str(failed.value) == "Dataset has fewer than 1000 interactions after filtering by event type: Purchase"
