"""The interactions a training may use: streamed in as Arrow batches, kept as numbers, some thirty bytes an event."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from openpersonalize.avro import Schema
from openpersonalize.errors import JobFailed
from openpersonalize.recipes.data import Floats, Ints, TrainingData
from openpersonalize.training.encoding import Source, batches, dictionary, encode, renumber
from openpersonalize.training.selection import EventRule, Selection

_NEEDED = ("USER_ID", "ITEM_ID", "TIMESTAMP")
_LEFT_OUT = np.float32(-1.0)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much data a training needs, and how much of it the recipe considers; what exceeds that is left out.

    `users` must have two interactions or more, and so must `returning`, a share of all users. `event_types` bounds the
    distinct types in the data and the optional columns of Interactions together; more fail the training.
    """

    interactions: int = 1000
    users: int = 25
    returning: float = 0.01
    event_types: int = 10
    most_items: int = 750_000
    most_interactions: int = 500_000_000


@dataclass(frozen=True, kw_only=True)
class Events:
    """Events in the order of their arrival; `user`, `item` and `type` are places in the Arrow arrays of strings.

    `types` has every type of the data, also those that none of these events is of.
    """

    user_ids: Any
    item_ids: Any
    types: Any
    user: Ints
    item: Ints
    type: Ints
    timestamp: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.user)

    def where(self, rows: npt.NDArray[np.bool_]) -> "Events":
        """Some of the events; the strings stay."""
        columns = {name: getattr(self, name)[rows] for name in ("user", "item", "type", "timestamp", "weight")}
        return replace(self, **columns)


def read_events(source: Source, selection: Selection) -> Events:
    """The events that a rule of the selection lets in; those without user, item or time are nobody's and left out."""
    parts = list(_selected(source, selection))
    user_ids, user = encode(part.user for part in parts)
    item_ids, item = encode(part.item for part in parts)
    types, kind = encode(part.type for part in parts)
    return Events(
        user_ids=user_ids,
        item_ids=item_ids,
        types=types,
        user=user,
        item=item,
        type=kind,
        timestamp=np.concatenate([np.zeros(0, np.int64), *(part.timestamp for part in parts)]),
        weight=np.concatenate([np.zeros(0, np.float32), *(part.weight for part in parts)]),
    )


def require(lengths: Ints, limits: Limits, event_types: tuple[str, ...]) -> None:
    """JobFailed, in Amazon's words, when there is too little to learn from; `lengths` are the events of each user.

    `event_types` are those that were asked for, none when all were.
    """
    if lengths.sum() < limits.interactions:
        after = f" after filtering by event type: {', '.join(event_types)}" if event_types else "."
        raise JobFailed(f"Dataset has fewer than {limits.interactions} interactions{after}")
    returning = int((lengths > 1).sum())
    if returning < limits.users:
        raise JobFailed(
            f"Create failed. Dataset has fewer than {limits.users} users with at least 2 interactions each."
        )
    if returning < limits.returning * int((lengths > 0).sum()):
        share = f"{100 * limits.returning:g} percent"
        raise JobFailed(f"Create failed. Fewer than {share} of the users have at least 2 interactions each.")


def require_few_types(types: Any, schema: Schema, limits: Limits) -> None:
    """JobFailed when the data have more event types, and the schema of Interactions optional columns, than may be."""
    met = [name for name in types.to_pylist() if name]
    columns = [name for name in ("EVENT_TYPE", "EVENT_VALUE") if name in schema.by_name]
    columns += [column.name for column in schema.metadata]
    if len(met) + len(columns) > limits.event_types:
        raise JobFailed(
            f"Create failed. Dataset has {len(met)} event types and {len(columns)} of the columns that count with "
            f"them ({', '.join(columns)}); together they may be at most {limits.event_types}."
        )


def capped(events: Events, limits: Limits) -> Events:
    """The newest interactions, and of the items those with most of them, the latest seen first among equals."""
    if len(events) > limits.most_interactions:
        newest = np.argsort(-events.timestamp, kind="stable")[: limits.most_interactions]
        rows = np.zeros(len(events), bool)
        rows[newest] = True
        events = events.where(rows)
    counts = np.bincount(events.item, minlength=len(events.item_ids))
    if (counts > 0).sum() <= limits.most_items:
        return events
    last = np.zeros(len(counts), np.int64)
    np.maximum.at(last, events.item, events.timestamp)
    best = np.lexsort((np.arange(len(counts)), -last, -counts))[: limits.most_items]
    return events.where(np.isin(events.item, best))


def numbered(events: Events, item_ids: Any, keep_items: npt.NDArray[np.bool_], *, weighted: bool) -> TrainingData:
    """The events by user and time, those of one second in the order of their arrival.

    `item_ids` begins with the events' items and goes on with those that have none; `keep_items` chooses among them.
    """
    users, user_numbers = renumber(events.user_ids, _used(events.user, events.user_ids))
    items, item_numbers = renumber(item_ids, keep_items)
    types, type_numbers = renumber(events.types, _used(events.type, events.types))
    user = user_numbers[events.user]
    order = np.lexsort((events.timestamp, user))
    return TrainingData(
        users=users,
        items=items,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(user, minlength=len(users)))]).astype(np.int64),
        item=item_numbers[events.item[order]],
        timestamp=events.timestamp[order],
        event_type=type_numbers[events.type[order]],
        event_types=types.ids,
        weight=_scaled(events.weight[order]) if weighted else None,
    )


@dataclass(frozen=True)
class _Part:
    """Kept rows of one batch: dictionaries, so that each string is held once, and the highest weight of their rules."""

    user: Any
    item: Any
    type: Any
    timestamp: Ints
    weight: Floats


def _selected(source: Source, selection: Selection) -> Iterator[_Part]:
    import pyarrow as pa

    names = [name for name in (*_NEEDED, "EVENT_TYPE", "EVENT_VALUE") if name in source.schema.by_name]
    for rows in batches(source.snapshot.arrow(names)):
        typed = rows if "EVENT_TYPE" in names else rows.append_column("EVENT_TYPE", pa.array([""] * len(rows)))
        types = dictionary(typed["EVENT_TYPE"])  # before any row is left out: they count together
        weight = np.full(len(rows), _LEFT_OUT, np.float32)
        for rule in selection.events:
            weight = np.maximum(weight, np.where(_obeys(typed, rule), np.float32(rule.weight), _LEFT_OUT))
        weight[_nobodys(rows)] = _LEFT_OUT
        kept = weight != _LEFT_OUT
        mask = pa.array(kept)
        known = typed.filter(mask)
        user, item = (dictionary(known[name]) for name in ("USER_ID", "ITEM_ID"))
        yield _Part(user, item, types.filter(mask), known["TIMESTAMP"].to_numpy(zero_copy_only=False), weight[kept])


def _obeys(rows: Any, rule: EventRule) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    obeys = np.ones(len(rows), bool)
    if rule.type is not None:
        obeys &= pc.fill_null(pc.equal(rows["EVENT_TYPE"], rule.type), fill_value=False).to_numpy(zero_copy_only=False)
    if rule.threshold is not None:
        reaches = pc.greater_equal(rows["EVENT_VALUE"].cast(pa.float64()), rule.threshold)
        obeys &= pc.fill_null(reaches, fill_value=False).to_numpy(zero_copy_only=False)
    return obeys


def _nobodys(rows: Any) -> npt.NDArray[np.bool_]:
    missing = np.zeros(len(rows), bool)
    for name in _NEEDED:
        missing |= rows[name].is_null().to_numpy(zero_copy_only=False)
    return missing


def _used(codes: Ints, ids: Any) -> npt.NDArray[np.bool_]:
    return np.bincount(codes, minlength=len(ids)) > 0


def _scaled(weight: Floats) -> Floats:
    mean = float(weight.mean()) if len(weight) else 1.0
    if mean == 0:
        raise JobFailed("All interactions have event weight 0; at least one event type must have a higher weight.")
    return (weight / mean).astype(np.float32)
