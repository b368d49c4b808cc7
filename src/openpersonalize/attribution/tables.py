"""What a report reads: tables of any origin as views of one DuckDB connection.

Delta tables, Parquet files and Arrow tables do alike, so a report can be tried in a notebook on a file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Rows: TypeAlias = Any
"""A path of a Delta table's folder or a Parquet file, a `DeltaTable`, or an Arrow table or dataset."""

MEMORY = "600MB"
"""What DuckDB may hold; the arrays of a report come on top."""

WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
NUMBERS = WHOLE | {"FLOAT", "DOUBLE"}


def connect(memory: str = MEMORY, folder: Path | None = None) -> "duckdb.DuckDBPyConnection":
    """A database of its own in memory; it downloads nothing. What exceeds `memory` goes to `folder`."""
    import duckdb

    config: dict[str, Any] = {
        "memory_limit": memory,
        "preserve_insertion_order": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(config=config if folder is None else {**config, "temp_directory": str(folder)})


def add(connection: "duckdb.DuckDBPyConnection", name: str, rows: Rows, needed: Mapping[str, str]) -> None:
    """Make the view `name`: every column of `rows`, and the `needed` ones (name to type) as null where they lack."""
    origin = _origin(connection, name, rows)
    found = dict(_columns(connection, origin))
    lacking = "".join(f', NULL::{kind} AS "{column}"' for column, kind in needed.items() if column not in found)
    connection.execute(f"CREATE VIEW {name} AS SELECT *{lacking} FROM {origin}")  # noqa: S608 - our own names


def types(connection: "duckdb.DuckDBPyConnection", name: str) -> Mapping[str, str]:
    """The columns of a view and their types, in DuckDB's words."""
    return dict(_columns(connection, name))


def _columns(connection: "duckdb.DuckDBPyConnection", origin: str) -> list[tuple[str, str]]:
    shape = connection.sql(f"FROM {origin} LIMIT 0")
    return [(column, str(kind)) for column, kind in zip(shape.columns, shape.types, strict=True)]


def _origin(connection: "duckdb.DuckDBPyConnection", name: str, rows: Rows) -> str:
    """What to read from, in DuckDB's words."""
    from deltalake import DeltaTable

    if isinstance(rows, str | Path) and not str(rows).endswith(".parquet"):
        rows = DeltaTable(str(rows))
    if isinstance(rows, DeltaTable):
        files = rows.file_uris()
        if files and "://" not in files[0]:
            return f"read_parquet({files!r}, hive_partitioning = true, union_by_name = true)"
        # Slower, but DuckDB's own reader for S3 would have to be downloaded first.
        rows = rows.to_pyarrow_dataset()
    if isinstance(rows, str | Path):
        return f"read_parquet({str(rows)!r})"
    connection.register(f"{name}_given", rows)
    return f"{name}_given"


# pyarrow's own `array` and `to_numpy` import pandas wherever that is installed, which takes longer than a small report.


def array(values: "npt.NDArray[np.integer]") -> "pa.Array":
    """The same memory as an Arrow array."""
    import pyarrow as pa

    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def numbers(values: "pa.Array | pa.ChunkedArray") -> "npt.NDArray[Any]":
    """The values of a column of numbers without nulls."""
    import pyarrow as pa

    kind = np.dtype({"double": "float64", "float": "float32"}.get(str(values.type), str(values.type)))
    if isinstance(values, pa.ChunkedArray):
        return np.concatenate([np.zeros(0, kind), *map(numbers, values.chunks)])
    if values.null_count:
        raise ValueError(f"{values.null_count} of {len(values)} numbers are null; there must be none.")
    return np.frombuffer(values.buffers()[1], kind, len(values), values.offset * kind.itemsize)
