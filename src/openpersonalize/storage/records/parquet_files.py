"""Parquet files, under the same rules as CSV: columns by name, unknown ones ignored, null only where it is allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from openpersonalize.avro import Column, Schema
from openpersonalize.errors import JobFailed
from openpersonalize.storage.records import faults
from openpersonalize.storage.records.columns import DoubtfulError, arrow_type, checked
from openpersonalize.storage.records.faults import Fault
from openpersonalize.storage.records.meter import Meter

MAGIC = b"PAR1"
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class ParquetFile:
    """A file on this machine, and the name its owner knows it by."""

    name: str
    path: Path

    @cached_property
    def columns(self) -> list[str]:
        """The names of its columns; raises JobFailed when it cannot be read."""
        try:
            return list(pq.read_schema(self.path).names)
        except (pa.ArrowInvalid, OSError) as fault:
            raise JobFailed(f"{self.name} is not a readable Parquet file: {fault}.") from fault

    def batches(self, schema: Schema, meter: Meter) -> Iterator[list[pa.Array]]:
        """The schema's columns, batch by batch, checked; raises JobFailed that names the faulty rows."""
        with pq.ParquetFile(self.path) as file:
            self._check_types(schema, file.schema_arrow)
            share = self.path.stat().st_size / max(file.metadata.num_rows, 1)
            rows = 0
            try:
                for batch in file.iter_batches(_BATCH_ROWS, columns=[column.name for column in schema.columns]):
                    meter.read += int(share * batch.num_rows)
                    yield checked(_cast(batch, schema), schema)
                    rows += batch.num_rows
            except (pa.ArrowInvalid, DoubtfulError) as fault:
                refusal = faults.refusal("Parquet", "row", self.name, self._judged(schema, meter, rows), schema)
                raise refusal or JobFailed(f"Input Parquet cannot be read: {self.name}: {fault}.") from fault

    def _check_types(self, schema: Schema, found: pa.Schema) -> None:
        wrong = [
            f"{column.name} is {found.field(column.name).type}, which is no {column.kind}"
            for column in schema.columns
            if not _readable(column, found.field(column.name).type)
        ]
        if wrong:
            raise JobFailed(f"Input Parquet does not conform to the dataset schema: {self.name}: {'; '.join(wrong)}.")

    def _judged(self, schema: Schema, meter: Meter, after: int) -> Iterator[tuple[int, Iterator[Fault]]]:
        """Row by row, from 1, the row's faults; `meter` may stop it. `after` rows are known to be good."""
        number = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=[column.name for column in schema.columns]):
                meter.tick()
                number += batch.num_rows
                if number > after:
                    first = number - batch.num_rows + 1
                    for place, row in enumerate(batch.to_pylist(), start=first):
                        yield place, faults.of_row(schema, place, row)


def _readable(column: Column, found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_null(found):
        return column.nullable
    types = pa.types
    number = (types.is_integer, types.is_floating, types.is_decimal)
    takes = {"string": (types.is_string, types.is_large_string, types.is_integer), "boolean": (types.is_boolean,)}
    return any(is_such(found) for is_such in takes.get(column.kind, number))


def _cast(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """The batch in the schema's types, blank text as null; raises ArrowInvalid where a value does not fit."""
    arrays = [_cast_column(batch.column(column.name), column) for column in schema.columns]
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in schema.columns])


def _cast_column(values: Any, column: Column) -> Any:
    values = values.cast(arrow_type(column))
    if column.kind != "string":
        return values
    if pc.any(pc.match_substring(values, "\0")).as_py():
        raise DoubtfulError(column.name)
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
