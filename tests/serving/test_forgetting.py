"""Users taken out of models that do not lie in a folder: in the store itself and in this machine's copy of it."""

from pathlib import Path

import numpy as np

from openpersonalize.recipes.artefact import Artefact, Seen
from openpersonalize.recipes.catalog import BY_NAME
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.popularity import PopularityCount
from openpersonalize.serving.models import Models
from openpersonalize.storage.objects import Location, Objects
from tests.training.data import checkerboard

WHERE = Location("models", "account/region/film/version/")


def test_the_store_and_the_copy_that_is_in_use_forget_a_user(tmp_path: Path) -> None:
    data = checkerboard(users=6)
    model = PopularityCount().fit(data, np.random.default_rng(1), quiet)
    seen = Seen.of(data, learned=False)
    Artefact.of(model, BY_NAME["aws-popularity-count"], data, {}, seen=seen).save(tmp_path / "made")
    store = Objects.open(tmp_path, "memory://")
    store.put_folder(tmp_path / "made", WHERE)
    models = Models(store, tmp_path / "cache")
    in_use = models.get("version", WHERE)
    assert in_use.history("user001") is not None
    assert models.forget(WHERE, ["user001", "nobody"]) == 1
    assert in_use.history("user001") is None
    assert len(in_use.did("user001")[0]) == 0 < len(in_use.did("user002")[0])
    fresh = Models(store, tmp_path / "another cache").get("version", WHERE)
    assert fresh.history("user001") is None
    assert len(fresh.did("user001")[0]) == 0
    assert len(fresh.history("user002") or ()) == len(in_use.history("user002") or ()) > 0
    assert models.forget(WHERE, ["user001"]) == 0
