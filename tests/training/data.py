"""Small stored datasets in memory, for the tests of this room."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from openpersonalize import avro
from openpersonalize.recipes.data import TrainingData, Vocabulary
from openpersonalize.training.encoding import Source

KINDS = {"long": pa.int64(), "int": pa.int32(), "float": pa.float64(), "double": pa.float64(), "boolean": pa.bool_()}


@dataclass(frozen=True)
class Stored:
    """A snapshot that is an Arrow table, given out in batches of three rows."""

    table: pa.Table
    version: int = 7
    imported_until: int = -1

    def arrow(self, columns: Sequence[str]) -> Any:
        """The table in pieces."""
        chosen = self.table.select(list(columns))
        return pa.RecordBatchReader.from_batches(chosen.schema, chosen.to_batches(max_chunksize=3))

    def close(self) -> None:
        """Nothing to let go of."""


def schema(name: str, **fields: Any) -> avro.Schema:
    """A schema of nullable fields, each a type or a type with flags."""
    columns = [
        {"name": field, **(kind if isinstance(kind, dict) else {"type": kind})} for field, kind in fields.items()
    ]
    document = {"type": "record", "name": name, "fields": columns, "version": "1.0"}
    return avro.parse(json.dumps(document), None)


def source(what: avro.Schema, rows: Sequence[Sequence[Any]]) -> Source:
    types = pa.schema([(column.name, KINDS.get(column.kind, pa.string())) for column in what.columns])
    return Source(Stored(pa.Table.from_pylist([dict(zip(types.names, row, strict=True)) for row in rows], types)), what)


def interactions(rows: Sequence[Sequence[Any]], **more: Any) -> Source:
    """Rows of user, item, time, and the columns of `more`."""
    return source(schema("Interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long", **more), rows)


def checkerboard(users: int = 40, items: int = 20, length: int = 12, seed: int = 5) -> TrainingData:
    """Even users like even items, odd users odd ones; each user's events are different items of that colour."""
    rng = np.random.default_rng(seed)
    rows = [2 * rng.permutation(items // 2)[:length] + user % 2 for user in range(users)]
    lengths = [len(row) for row in rows]
    return TrainingData(
        users=Vocabulary(tuple(f"user{user:03}" for user in range(users))),
        items=Vocabulary(tuple(f"item{item:03}" for item in range(items))),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        item=np.concatenate(rows),
        timestamp=np.concatenate([np.arange(length) for length in lengths]),
        event_type=np.zeros(sum(lengths), np.int64),
    )
