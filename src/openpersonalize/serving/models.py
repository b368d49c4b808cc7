"""Trained models in memory: loaded at first use, the least recently used let go.

A model kept in a local folder is mapped from where it lies; one kept in an S3 service is fetched into a cache first.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.serving.forgetting import forget
from openpersonalize.storage.objects import Location, Objects

CAPACITY = 16


class Models:
    """The models of one process, safe for many threads; each is loaded once however many ask at the same time."""

    def __init__(self, artefacts: Objects, cache: Path, capacity: int = CAPACITY) -> None:
        self._artefacts = artefacts
        self._cache = cache
        self._capacity = capacity
        self._loaded: OrderedDict[str, Artefact] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version_arn: str, location: Location) -> Artefact:
        """The model of a solution version, kept at `location`; a version's model never changes."""
        known = self._loaded.get(version_arn)
        if known is not None:
            return known
        with self._lock:
            known = self._loaded.get(version_arn) or self._load(location)
            self._loaded[version_arn] = known
            self._loaded.move_to_end(version_arn)
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)
            return known

    def forget(self, location: Location, user_ids: Collection[str]) -> int:
        """Take users out of the model at `location`; gives how many of them it knew."""
        return forget(self._artefacts, self._cache, location, user_ids)

    def _load(self, location: Location) -> Artefact:
        return Artefact.load(self._artefacts.local_folder(location, self._cache))
