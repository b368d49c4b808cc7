"""Filters applied to a model's catalogue: bound to its items once, then a mask for each request."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openpersonalize.expressions.columns import Bools, Ints, Table
from openpersonalize.expressions.evaluate import Asked, Candidates, Prepared, prepare
from openpersonalize.expressions.filters import Filter
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.serving.history import Streamed
from openpersonalize.serving.imported import Event

CAPACITY = 256


@dataclass(frozen=True)
class Bound:
    """A filter bound to a table of items and to a model, whose items have the rows `rows`."""

    table: Table
    prepared: Prepared
    artefact: Artefact
    rows: Ints

    def catalogue(self, asked: Asked) -> Bools:
        """For each item of the model whether it may be recommended."""
        return self.prepared.keep(Candidates(self.rows, self.artefact.model.items.numbers), asked)

    def items(self, asked: Asked, item_ids: Sequence[str]) -> list[str]:
        """Those of the given items that may stay, known to the model or not; each once."""
        ids = list(dict.fromkeys(item_ids))
        candidates = Candidates(self.table.rows_of(ids), {item_id: place for place, item_id in enumerate(ids)})
        kept = self.prepared.keep(candidates, asked)
        return [item_id for item_id, stays in zip(ids, kept.tolist(), strict=True) if stays]


class Filtering:
    """Filters bound to tables and models, the least recently used let go; for any number of threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, Filter], Bound] = OrderedDict()
        self._lock = threading.Lock()

    def bound(self, tree: Filter, table: Table, version_arn: str, artefact: Artefact) -> Bound:
        """A filter for the model of a solution version; anew when the table is another one than before."""
        key = (version_arn, tree)
        with self._lock:
            bound = self._known.get(key)
            if bound is None or bound.table is not table:
                bound = Bound(table, prepare(tree, table), artefact, table.rows_of(artefact.model.items.ids))
                self._known[key] = bound
            self._known.move_to_end(key)
            while len(self._known) > CAPACITY:
                self._known.popitem(last=False)
            return bound


def considered(
    artefact: Artefact, user_id: str, streamed: Sequence[Streamed], imported: Iterable[Event], most_per_type: int
) -> list[tuple[str, str]]:
    """What a filter sees of a user's events, as (item id, event type): the newest of each type, so many of each.

    These are the events that were there at the training, and those that were imported or streamed in since.
    """
    events = {(row.timestamp, row.item_id, row.event_type or "") for row in streamed if row.item_id is not None}
    events.update(imported)
    trained, types = artefact.did(user_id)
    ids, kinds = artefact.model.items.ids, types.ids
    events.update(
        (time, ids[item], kinds[kind] if kind >= 0 else "")
        for time, item, kind in zip(
            trained.timestamps.tolist(), trained.items.tolist(), trained.event_types.tolist(), strict=True
        )
    )
    counts: dict[str, int] = {}
    found = []
    for _, item_id, kind in sorted(events, reverse=True):
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= most_per_type:
            found.append((item_id, kind))
    return found
