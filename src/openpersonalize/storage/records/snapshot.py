"""A dataset as it stood at one version of its table: the rows that count, in the order in which they came.

Of event logs: bulk and put rows, exact duplicates once, an event id once; events of a session belong to the user whom
an event of that session named, and are left out while nobody is named. Of other datasets: the newest row per id.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from openpersonalize.avro import Schema
from openpersonalize.storage.records.columns import arrow_type
from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.names import BULK, EVENT, INGESTED, PUT, SESSION, SIDE, SOURCE
from openpersonalize.storage.records.table import Table, files_of

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MEMORY = "1GB"
"""What a query may hold in memory; beyond that it works in a temporary folder."""

BATCH_ROWS = 131_072
OWN = (SOURCE, INGESTED, SESSION, EVENT, SIDE)
_KEYS = {"ITEMS": "ITEM_ID", "USERS": "USER_ID", "ACTIONS": "ACTION_ID"}
_KNOWN_TYPES = {"TIMESTAMP": "BIGINT", "CREATION_TIMESTAMP": "BIGINT", "EVENT_VALUE": "DOUBLE"}


class Snapshot:
    """Reads of one version; it stays readable for as long as `Records.tidy` keeps old files. For one thread.

    With a `schema`, columns that no row has yet are null in their type; without one, in a likely type.
    """

    def __init__(self, table: Table, dataset: Dataset, schema: Schema | None = None) -> None:
        self._delta = table.open()
        self._local = "://" not in table.uri
        self._schema = schema
        self._dataset = dataset
        self._key = _KEYS.get(dataset.type)
        self.version: int | None = None if self._delta is None else self._delta.version()

    @property
    def columns(self) -> Mapping[str, "pa.DataType"]:
        """The caller's columns, by name."""
        return {name: kind for name, kind in self._fields.items() if name not in OWN}

    @cached_property
    def _fields(self) -> Mapping[str, "pa.DataType"]:
        import pyarrow as pa

        fields = {} if self._schema is None else {column.name: arrow_type(column) for column in self._schema.columns}
        if self._delta is not None:
            fields |= {field.name: field.type for field in pa.schema(self._delta.schema())}
        return fields

    def arrow(self, columns: Sequence[str] | None = None) -> "pa.RecordBatchReader":
        """The rows that count, in the order in which they came; batch by batch, only these columns."""
        chosen = list(self.columns) if columns is None else list(columns)
        return self.query(f"SELECT {self._names(chosen)} FROM rows ORDER BY {INGESTED}")  # noqa: S608 - quoted names

    def every(self, sources: Sequence[str], columns: Sequence[str], *, nobodys: bool = False) -> "pa.RecordBatchReader":
        """All rows of these sources in the order in which they came, older ones of an id too, exact doubles once.

        Events of a session have the user it was tied to; those never tied are left out, or, with `nobodys`, alone.
        """
        names = ", ".join(f'"{name}"' for name in columns)
        view, whose = "stored", "true"
        if self._key is None:
            view, whose = "named", f"USER_ID IS {'' if nobodys else 'NOT '}NULL"
        chosen = ", ".join(f"'{source}'" for source in sources)
        return self.query(
            f"SELECT {names} FROM (SELECT {names}, min({INGESTED}) AS {INGESTED} FROM {view} "  # noqa: S608 - quoted names
            f"WHERE {SOURCE} IN ({chosen}) AND {whose} GROUP BY {names}) ORDER BY {INGESTED}"
        )

    @cached_property
    def imported_files(self) -> frozenset[str]:
        """The files of imported rows; others when an import, an erasure or tidying changed them."""
        return frozenset(file["path"] for file in self._bulk)

    @property
    def imported_until(self) -> int:
        """The place of the last imported row, -1 when there is none."""
        return max((file.get(f"max.{INGESTED}") or -1 for file in self._bulk), default=-1)

    @cached_property
    def _bulk(self) -> "list[dict[str, Any]]":
        files = [] if self._delta is None else files_of(self._delta)
        return [file for file in files if file[f"partition.{SOURCE}"] == BULK]

    def imported(self, after: int, most_per_type: int, most: int) -> "pa.Table":
        """Of events that imports brought behind a place: `user`, `item` (or action), `type`, `time`, in this order.

        Of each user the newest of each type, so many, and of all of them the newest `most`. Exact doubles are left in.
        """
        what = "ACTION_ID" if self._dataset.type == "ACTION_INTERACTIONS" else "ITEM_ID"
        named = self._names(["USER_ID", what, "EVENT_TYPE", "TIMESTAMP"])
        with self._connect() as made:
            self._make_stored(made)
            found = made.sql(
                f"FROM (SELECT USER_ID AS user, {what} AS item, coalesce(EVENT_TYPE, '') AS type, TIMESTAMP AS time "  # noqa: S608 - numbers and names of our own
                f"FROM (SELECT {named} FROM stored WHERE {SOURCE} = '{BULK}' AND {INGESTED} > {after}) "
                f"WHERE USER_ID IS NOT NULL AND {what} IS NOT NULL AND TIMESTAMP IS NOT NULL "
                f"QUALIFY row_number() OVER (PARTITION BY user, type ORDER BY time DESC) <= {most_per_type} "
                f"ORDER BY time DESC LIMIT {most}) ORDER BY user, time"
            )
            return found.to_arrow_table()

    def sessions_of(self, user_ids: Sequence[str]) -> list[str]:
        """The sessions that events tied to one of these users last; none where the dataset has no events."""
        import pyarrow as pa

        if self._key is not None:
            return []
        self._connection.register("wanted", pa.table({"id": pa.array(user_ids, pa.string())}))
        found = self.query("SELECT session FROM ties SEMI JOIN wanted ON tied = id").read_all()
        return list(found["session"].to_pylist())

    def query(self, sql: str) -> "pa.RecordBatchReader":
        """What a SELECT in duckdb's SQL gives; it may read `rows`, those that count, and `stored`, all there are."""
        return self._connection.sql(sql).to_arrow_reader(BATCH_ROWS)

    def count(self) -> int:
        """How many rows count."""
        return int(self.query("SELECT count(*) AS n FROM rows").read_all()["n"][0].as_py())

    def close(self) -> None:
        """Give back memory and the temporary folder; not needed when the process ends anyway."""
        if "_connection" in self.__dict__:
            self._connection.close()
        if "_folder" in self.__dict__:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _names(self, columns: Sequence[str]) -> str:
        return ", ".join(
            f'"{name}"' if name in self._fields else f'NULL::{_KNOWN_TYPES.get(name, "VARCHAR")} AS "{name}"'
            for name in columns
        )

    @cached_property
    def _folder(self) -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory(prefix="openpersonalize-rows-", ignore_cleanup_errors=True)

    @cached_property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        made = self._connect()
        self._make_stored(made)
        if self._key is not None:
            self._make_newest(made, self._key)
        else:
            self._make_events(made)
        return made

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        return duckdb.connect(
            config={
                "memory_limit": MEMORY,
                "temp_directory": self._folder.name,
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )

    def _make_stored(self, made: "duckdb.DuckDBPyConnection") -> None:
        """`stored`: every row with every column, those that old files lack as null."""
        import pyarrow as pa

        needed = {**dict.fromkeys(OWN, pa.string()), INGESTED: pa.int64(), **self._fields}
        made.register("shape", pa.schema(list(needed.items())).empty_table())
        shape = made.sql("FROM shape")
        source = self._register(made)
        found = set(made.sql(f"FROM {source}").columns)
        columns = ", ".join(
            f'"{name}"' if name in found else f'NULL::{kind} AS "{name}"'
            for name, kind in zip(shape.columns, shape.types, strict=True)
        )
        made.execute(f"CREATE VIEW stored AS SELECT {columns} FROM {source}")  # noqa: S608

    def _register(self, made: "duckdb.DuckDBPyConnection") -> str:
        """What to read from, in duckdb's words."""
        files = [] if self._delta is None else self._delta.file_uris()
        if self._delta is None or not files:
            return "shape"
        if self._local:
            return f"read_parquet({files!r}, hive_partitioning = true, union_by_name = true)"
        # Twice as slow, but duckdb's own reader for S3 would have to be downloaded first.
        made.register("remote", self._delta.to_pyarrow_dataset())
        return "remote"

    def _make_newest(self, made: "duckdb.DuckDBPyConnection", key: str) -> None:
        made.execute(
            f'CREATE TEMP TABLE newest AS SELECT "{key}" AS id, max({INGESTED}) AS newest FROM stored GROUP BY ALL'  # noqa: S608
        )
        made.execute(
            f'CREATE VIEW rows AS SELECT * FROM stored SEMI JOIN newest ON stored."{key}" = id AND {INGESTED} = newest'  # noqa: S608
        )

    def _make_events(self, made: "duckdb.DuckDBPyConnection") -> None:
        columns = ", ".join(f'"{name}"' for name in [INGESTED, *self.columns])
        self._make_put(made)
        made.execute(
            f"CREATE VIEW kept AS SELECT {columns} FROM stored WHERE {SOURCE} = '{BULK}' "  # noqa: S608
            f"UNION ALL SELECT {columns} FROM put"
        )
        same = ", ".join(f'"{name}"' for name in self.columns) or "0"
        # The few hashes that occur twice first, then exact comparison among those rows alone: 10 million stay cheap.
        made.execute(
            f"CREATE TEMP TABLE doubled AS SELECT hash({same}) AS h FROM kept GROUP BY h HAVING count(*) > 1"  # noqa: S608
        )
        doubles = made.sql("SELECT count(*) FROM doubled").fetchall()[0][0]
        counting = _once(columns, same) if doubles else "SELECT * FROM kept"
        made.execute(f"CREATE VIEW rows AS {counting}")

    def _make_put(self, made: "duckdb.DuckDBPyConnection") -> None:
        """`named`: `stored` with the user that a session was tied to last; `put`: one by one, each event id once."""
        if "USER_ID" not in self._fields:  # a table that was never written, read without its schema
            made.execute("CREATE VIEW named AS FROM stored")
            made.execute(f"CREATE VIEW put AS SELECT * FROM stored WHERE {SOURCE} = '{PUT}'")  # noqa: S608
            return
        made.execute(
            f"CREATE TEMP TABLE ties AS SELECT {SESSION} AS session, arg_max(USER_ID, {INGESTED}) AS tied "  # noqa: S608
            f"FROM stored WHERE {SOURCE} = '{PUT}' AND USER_ID IS NOT NULL AND {SESSION} IS NOT NULL GROUP BY ALL"
        )
        made.execute(
            "CREATE VIEW named AS SELECT stored.* REPLACE (coalesce(USER_ID, tied) AS USER_ID) "  # noqa: S608
            f"FROM stored LEFT JOIN ties ON USER_ID IS NULL AND {SESSION} = session"
        )
        made.execute(
            f"CREATE TEMP TABLE put AS SELECT * FROM named WHERE {SOURCE} = '{PUT}' AND USER_ID IS NOT NULL "  # noqa: S608
            f"QUALIFY {EVENT} IS NULL OR row_number() OVER (PARTITION BY {EVENT} ORDER BY {INGESTED}) = 1"
        )


def _once(columns: str, same: str) -> str:
    """Rows without a double as they are, of the others the first."""
    return (
        f"SELECT {columns} FROM kept ANTI JOIN doubled ON hash({same}) = h "  # noqa: S608
        f"UNION ALL SELECT {columns} FROM (SELECT {columns} FROM kept SEMI JOIN doubled ON hash({same}) = h "
        f"QUALIFY row_number() OVER (PARTITION BY {same} ORDER BY {INGESTED}) = 1)"
    )
