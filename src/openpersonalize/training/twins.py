"""Recipes that learn the same model: what one has trained, another may take over instead of training it again.

aws-user-personalization-v2 and aws-personalized-ranking-v2 differ in what they answer, not in what they learn: one
encoder, the same metrics by Personalize's protocol. From the same data, settings and seed both would train the same
arrays, so the second takes a copy. Two versions of one recipe are always trained each for itself: who asks for a new
training of the same gets one.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from openpersonalize.recipes import catalog
from openpersonalize.training.fit import SEGMENTS, Order, Trained


def is_twin(manifest: Mapping[str, Any], order: Order, versions: Mapping[str, Any]) -> bool:
    """Whether the training that left this manifest learned what `order` would learn from data of these versions."""
    other = manifest["order"]
    mine, theirs = catalog.BY_NAME[order.recipe], catalog.BY_NAME[other["recipe"]]
    return (
        mine != theirs
        and mine.type != SEGMENTS  # the two recipes for segments learn the same and are measured by other questions
        and mine.model == theirs.model
        and {**other, "recipe": order.recipe} == orjson.loads(orjson.dumps(asdict(order)))
        and manifest["data"] == dict(versions)
    )


def take_over(folder: Path, order: Order, hours: float) -> Trained:
    """Turn the copy of a twin's artefact in `folder` into one of the ordered recipe; `hours` is what it took."""
    file = folder / "manifest.json"
    manifest = orjson.loads(file.read_bytes())
    taken = {**manifest, "recipe": order.recipe, "order": asdict(order), "taken_over_from": manifest["recipe"]}
    file.write_bytes(orjson.dumps(taken, option=orjson.OPT_INDENT_2))
    return Trained(folder, manifest["metrics"], hours, taken)
