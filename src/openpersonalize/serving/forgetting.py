"""Users taken out of trained models: their histories are overwritten wherever this machine finds them.

Besides histories a model holds nothing of single users. Copies that other machines have fetched from an S3 service
stay as they are until those models are replaced.
"""

import tempfile
from collections.abc import Collection
from pathlib import Path

from openpersonalize.recipes.artefact import Histories
from openpersonalize.storage.objects import Location, Objects


def forget(artefacts: Objects, cache: Path, location: Location, user_ids: Collection[str]) -> int:
    """Overwrite the users' histories in the model at `location` and its copy below `cache`; gives how many it knew."""
    known = _forget(artefacts, cache, location.within("histories/"), user_ids)
    seen = location.within("seen/")
    if artefacts.list(seen):
        known = max(known, _forget(artefacts, cache, seen, user_ids))
    return known


def _forget(artefacts: Objects, cache: Path, histories: Location, user_ids: Collection[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="openpersonalize-forgetting-") as copies:
        folder = artefacts.local_folder(histories, Path(copies))
        known = Histories.forget(folder, user_ids)
        if known and folder.is_relative_to(copies):
            artefacts.put_folder(folder, histories)
    copy = cache / histories.bucket / histories.key
    if copy.is_dir():
        Histories.forget(copy, user_ids)
    return known
