"""Stored records to `TrainingData`: selected, checked against the minimums, capped, numbered and sorted.

Repeats of an event are kept: which of them a model looks at is the model's choice. Numbers follow the sorted ids, so
they do not depend on the order in which records were stored.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from openpersonalize.recipes.data import Column, Ints, TrainingData, Vocabulary
from openpersonalize.recipes.models import Progress
from openpersonalize.training.columns import columns_of, times_of
from openpersonalize.training.encoding import Source, batches
from openpersonalize.training.events import Events, Limits, capped, numbered, read_events, require, require_few_types
from openpersonalize.training.selection import Selection

_KEYS = {"ITEMS": "ITEM_ID", "USERS": "USER_ID"}


def read(sources: Mapping[str, Source], selection: Selection, limits: Limits, progress: Progress) -> TrainingData:
    """The data of a training; JobFailed when there is too little of it.

    `sources` are by dataset type: INTERACTIONS, and ITEMS and USERS where the group has them.
    """
    progress(0.0, "reading interactions")
    events = read_events(sources["INTERACTIONS"], selection)
    require_few_types(events.types, sources["INTERACTIONS"].schema, limits)
    require(np.bincount(events.user), limits, selection.event_types)
    progress(0.5, f"read {len(events)} interactions")
    events = capped(events, limits)
    items = _table(sources, selection, "ITEMS")
    item_ids = events.item_ids if items is None else _union(events.item_ids, items["ITEM_ID"])
    kept = _kept_items(events, len(item_ids), limits.most_items)
    data = numbered(events, item_ids, kept, weighted=selection.weighted)
    progress(0.8, f"{len(data.users)} users, {len(data.items)} items")
    users = _table(sources, selection, "USERS")
    data = replace(
        data,
        item_columns=_columns(sources, selection, "ITEMS", items, data.items),
        user_columns=_columns(sources, selection, "USERS", users, data.users),
        created=_created(items, data.items),
    )
    progress(1.0, f"read {len(data.item)} interactions of {len(data.users)} users with {len(data.items)} items")
    return data


def read_all_events(
    sources: Mapping[str, Source], selection: Selection, limits: Limits, learned: TrainingData
) -> TrainingData:
    """The events that the selection lets in and those that it does not, on the items of what was `learned`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if selection.takes_all:
        return learned
    events = read_events(sources["INTERACTIONS"], Selection())
    items = pa.chunked_array([learned.items.ids], events.item_ids.type)
    met = pc.is_in(events.item_ids, value_set=items).to_numpy(zero_copy_only=False)
    events = capped(events.where(met[events.item]), limits)
    ids = _union(events.item_ids, items)
    kept = pc.is_in(ids, value_set=items).to_numpy(zero_copy_only=False)
    return numbered(events, ids, kept, weighted=False)


def _kept_items(events: Events, size: int, most: int) -> npt.NDArray[np.bool_]:
    """Items with events, then as many of the others as fit, in the order of the dataset."""
    kept = np.bincount(events.item, minlength=size) > 0
    others = np.flatnonzero(~kept)
    kept[others[: most - int(kept.sum())]] = True
    return kept


def _table(sources: Mapping[str, Source], selection: Selection, dataset_type: str) -> Any:
    """Ids and usable columns of Items or Users as one Arrow table, None where there is no such dataset."""
    import pyarrow as pa

    source = sources.get(dataset_type)
    if source is None:
        return None
    names = [_KEYS[dataset_type], *(column.name for column in selection.columns(source.schema))]
    if dataset_type == "ITEMS" and selection.uses_creation_time(source.schema):
        names.append("CREATION_TIMESTAMP")
    rows = source.snapshot.arrow(names)
    return rows if isinstance(rows, pa.Table) else pa.Table.from_batches(batches(rows), rows.schema)


def _union(ids: Any, more: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    others = more.cast(ids.type).combine_chunks()
    return pa.concat_arrays([ids, others.filter(pc.invert(pc.is_in(others, value_set=ids)))])


def _columns(
    sources: Mapping[str, Source], selection: Selection, dataset_type: str, table: Any, ids: Vocabulary
) -> tuple[Column, ...]:
    if table is None:
        return ()
    return columns_of(table, selection.columns(sources[dataset_type].schema), _rows(table[_KEYS[dataset_type]], ids))


def _created(items: Any, ids: Vocabulary) -> Ints | None:
    if items is None or "CREATION_TIMESTAMP" not in items.column_names:
        return None
    return times_of(items["CREATION_TIMESTAMP"], _rows(items["ITEM_ID"], ids))


def _rows(stored: Any, ids: Vocabulary) -> Ints:
    """Where each id of the vocabulary stands in the table, -1 where it does not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.large_string()
    places = pc.index_in(pa.array(ids.ids, texts), value_set=stored.cast(texts).combine_chunks())
    return np.asarray(pc.fill_null(places, -1).to_numpy(zero_copy_only=False), np.int64)
