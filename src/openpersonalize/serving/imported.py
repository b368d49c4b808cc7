"""Events that imports brought since a model was trained: filters look at them, models do not.

One table per dataset and model in memory, of the newest events; `catalogues` reads it and looks for newer imports.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from openpersonalize.recipes.artefact import Histories
from openpersonalize.recipes.data import TrainingData, Vocabulary
from openpersonalize.serving.catalogues import Source

if TYPE_CHECKING:
    from openpersonalize.storage.records.snapshot import Snapshot

Event: TypeAlias = tuple[int, str, str]
"""Epoch seconds, item (or action) and event type, which is empty where there is none."""


@dataclass(frozen=True)
class Imported:
    """Events by user, without a Python object for each."""

    items: Vocabulary
    event_types: Vocabulary
    histories: Histories

    def of(self, user_id: str) -> Iterator[Event]:
        """The user's events, oldest first."""
        found = self.histories.get(user_id)
        if found is not None:
            for time, item, kind in zip(
                found.timestamps.tolist(), found.items.tolist(), found.event_types.tolist(), strict=True
            ):
                yield time, self.items.ids[item], self.event_types.ids[kind]


Reader: TypeAlias = "Callable[[Snapshot, Source, Collection[str]], Imported]"


def reader(most_per_type: int, most: int) -> Reader:
    """How a table is read: of each user the newest events of each type, so many, and the newest `most` of all."""

    def read(snapshot: "Snapshot", source: Source, _columns: Collection[str]) -> Imported:
        if snapshot.imported_until <= source.after:
            return _nothing()
        rows = snapshot.imported(source.after, most_per_type, most)
        users, items, types = (rows[name].combine_chunks().dictionary_encode() for name in ("user", "item", "type"))
        user = users.indices.to_numpy(zero_copy_only=False)  # numbered as they come, and they come by user
        data = TrainingData(
            users=Vocabulary(tuple(users.dictionary.to_pylist())),
            items=Vocabulary(tuple(items.dictionary.to_pylist())),
            event_types=tuple(types.dictionary.to_pylist()),
            offsets=np.searchsorted(user, np.arange(len(users.dictionary) + 1)),
            item=items.indices.to_numpy(zero_copy_only=False),
            event_type=types.indices.to_numpy(zero_copy_only=False),
            timestamp=rows["time"].to_numpy(),
        )
        return Imported(data.items, Vocabulary(data.event_types), Histories.of(data, latest=max(1, len(rows))))

    return read


def _nothing() -> Imported:
    none = Vocabulary(())
    empty = np.zeros(0, np.int64)
    data = TrainingData(
        users=none, items=none, offsets=np.zeros(1, np.int64), item=empty, timestamp=empty, event_type=empty
    )
    return Imported(none, none, Histories.of(data))


def state(snapshot: "Snapshot") -> object:
    """What changes when an import, or a deletion of users, changes what is read."""
    return snapshot.imported_files
