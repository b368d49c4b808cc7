"""Columns as Arrow sees them: their types, and the rules of `avro` for whole batches at once.

A batch is only found good or doubtful here. Which row breaks which rule is told by reading the file once more, row by
row (`faults`): slow, but it happens once per bad file, and the rules have one wording.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from openpersonalize.avro import Column, Schema
from openpersonalize.storage.records.names import EVENT, INGESTED, SESSION, SIDE, SOURCE

_TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    # "float" too is kept in 64 bits, or 19.99 would come back as 19.989999771118164
    "float": pa.float64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}


class DoubtfulError(Exception):
    """A batch holds at least one row that breaks a rule."""


def arrow_type(column: Column) -> pa.DataType:
    """How a column is stored."""
    return _TYPES[column.kind]


def stored(schema: Schema) -> pa.Schema:
    """The columns of a dataset's table: the house's own first, then the caller's."""
    own = [(SOURCE, pa.string()), (INGESTED, pa.int64())]
    if schema.key is None:
        own += [(SESSION, pa.string()), (EVENT, pa.string()), (SIDE, pa.string())]
    return pa.schema([*own, *((column.name, arrow_type(column)) for column in schema.columns)])


def checked(batch: pa.RecordBatch, schema: Schema) -> list[pa.Array]:
    """The columns of the schema, as they are to be stored; raises Doubtful when a rule is broken.

    `batch` has the schema's columns by name, already in their types.
    """
    return [_checked(batch.column(column.name), column) for column in schema.columns]


def _checked(values: pa.Array, column: Column) -> pa.Array:
    if values.null_count and not column.nullable:
        raise DoubtfulError(column.name)
    if column.kind == "string":
        return _strings(values, column)
    if pa.types.is_floating(values.type) and not _all(pc.is_finite(values)):
        raise DoubtfulError(column.name)
    if column.low is not None and column.high is not None:
        found = pc.min_max(values).as_py()
        if found["min"] is not None and not column.low <= found["min"] <= found["max"] <= column.high:
            raise DoubtfulError(column.name)
    return values


def _strings(values: pa.Array, column: Column) -> pa.Array:
    longest = pc.max(pc.utf8_length(values)).as_py() or 0
    if column.length is not None and longest > column.length:
        if not column.textual:
            raise DoubtfulError(column.name)
        values = pc.utf8_slice_codeunits(values, 0, column.length)
    if column.words:
        values = pc.replace_substring(pc.utf8_upper(pc.utf8_trim_whitespace(values)), " ", "_")
        if not _all(pc.is_in(values.drop_null(), pa.array(column.words))):
            raise DoubtfulError(column.name)
    return values


def _all(truths: Any) -> bool:
    return pc.all(truths).as_py() is not False
