"""The events of a report: each once, with the source it is attributed to, as narrow columns of numbers.

The source of an event is its eventAttributionSource in capitals; else the campaign or recommender that its
recommendation id names; else it is undefined. Source:
https://docs.aws.amazon.com/personalize/latest/dg/event-metrics.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openpersonalize.attribution import tables
from openpersonalize.attribution.measures import Measure

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

UNDEFINED = "SOURCE_NAME_UNDEFINED"
WINDOW_SECONDS = 900
DAY_SECONDS = 86400
LATE_SECONDS = WINDOW_SECONDS
"""An event that arrives this long after it happened is late: its window may have been published without it."""
STALE_SECONDS = 14 * DAY_SECONDS
"""What arrives later than this is left out of published points, though not of reports."""

BATCH_ROWS = 1 << 19
_NONE, _FOREIGN, _OWN = "", "?", ":"
"""Marks of an event without a source, with an id that is none of ours, and, at the end, with a source of its own."""

_NEEDED = {
    "USER_ID": "VARCHAR", "ITEM_ID": "VARCHAR", "TIMESTAMP": "BIGINT", "EVENT_TYPE": "VARCHAR",
    "RECOMMENDATION_ID": "VARCHAR", "EVENT_ATTRIBUTION_SOURCE": "VARCHAR",
    "_event_id": "VARCHAR", "_ingested": "BIGINT", "_session_id": "VARCHAR", "_side": "VARCHAR",
}  # fmt: skip


@dataclass(frozen=True)
class Period:
    """From `start` until before `end`, in epoch seconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"The period ends at {self.end}, which must be after its start, {self.start}.")

    @property
    def first_day(self) -> int:
        """Days since 1970, in UTC."""
        return self.start // DAY_SECONDS

    @property
    def days(self) -> int:
        """How many days it touches."""
        return (self.end - 1) // DAY_SECONDS - self.first_day + 1


@dataclass(frozen=True, eq=False)
class Events:
    """Matching events as an Arrow table.

    Its columns: user (hash, 0 for nobody), source, window, kind, late, and value0, value1 … for `columns`. `source`
    and `kind` are places in the lists beside it; `late` is 1 for late events, 2 for stale ones. A place in `kinds` has
    all event types of metrics that are the same in capitals: mostly one.
    """

    rows: "pa.Table"
    sources: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[str, str], ...]
    duplicates: int
    nothing_given: int
    unknown_ids: int


def read(
    connection: "duckdb.DuckDBPyConnection", measures: Sequence[Measure], period: Period, sources: Mapping[str, str]
) -> Events:
    """The events of the views `interactions` and `items` that match a metric; `sources` are ARNs by the id's CID.

    Raises ValueError where a metric adds up a column that is not there or holds no numbers.
    """
    import pyarrow as pa

    if not measures:
        raise ValueError("measures: there is none; a report needs at least 1.")
    columns = tuple(dict.fromkeys(measure.column for measure in measures if measure.column is not None))
    _require_numbers(connection, measures)
    kinds = _kinds(connection, measures)
    kind = _kind(kinds)
    origin, duplicates = _each_once(connection, period, kind)
    found = connection.sql(_select(origin, columns, period, kind, tied=_tied(connection)))
    codes = _Codes(sources)
    parts = [codes.replaced(batch) for batch in found.to_arrow_reader(BATCH_ROWS)]
    rows = pa.Table.from_batches(parts, parts[0].schema if parts else pa.schema(_shape(columns)))
    names = tuple(codes.names)
    return Events(rows, names, tuple(kinds.values()), columns, duplicates, codes.nothing_given, codes.unknown_ids)


def _kinds(connection: "duckdb.DuckDBPyConnection", measures: Sequence[Measure]) -> dict[str, tuple[str, ...]]:
    """The event types of metrics by their capitals.

    The database makes capitals on both sides: of small letters Greek has two for one capital sigma, and Python has
    other capitals for some letters.
    """
    found: dict[str, tuple[str, ...]] = {}
    for kind in dict.fromkeys(measure.kind for measure in measures):
        capitals = str(connection.execute("SELECT upper(?)", [kind]).fetchall()[0][0])
        found[capitals] = (*found.get(capitals, ()), kind)
    return found


def _kind(kinds: Iterable[str]) -> str:
    """What gives the place of an event's type, or null. A join would do as well, at twenty times the cost."""
    capitals = ", ".join("'" + one.replace("'", "''") + "'" for one in kinds)
    return f"list_position([{capitals}], upper(event.EVENT_TYPE))"


def add_views(
    connection: "duckdb.DuckDBPyConnection",
    interactions: tables.Rows,
    items: tables.Rows | None,
    numbers: Iterable[tuple[str, str]] = (),
) -> None:
    """The views that `read` reads.

    `numbers` are columns, by dataset and name, that the schemas have and the data may lack: no row had a value yet.
    """
    lacking: dict[str, dict[str, str]] = {"INTERACTIONS": {}, "ITEMS": {}}
    for dataset, name in numbers:
        lacking[dataset][name] = "DOUBLE"
    tables.add(connection, "interactions", interactions, lacking["INTERACTIONS"] | _NEEDED)
    tables.add(connection, "items", _no_items() if items is None else items, lacking["ITEMS"] | {"_ingested": "BIGINT"})


def _no_items() -> "pa.Table":
    import pyarrow as pa

    # `empty_table` would import pandas, which takes longer than a small report.
    return pa.Table.from_batches([], pa.schema([("ITEM_ID", pa.string())]))


def _require_numbers(connection: "duckdb.DuckDBPyConnection", measures: Sequence[Measure]) -> None:
    datasets = {measure.column[0] for measure in measures if measure.column is not None}
    found = {dataset: tables.types(connection, dataset.lower()) for dataset in datasets}
    for measure in measures:
        if measure.column is None:
            continue
        dataset, column = measure.column
        kind = found[dataset].get(column)
        if kind not in tables.NUMBERS:
            fault = "is not a column of the data" if kind is None else f"holds {kind}"
            raise ValueError(
                f"metric {measure.name}: {measure.text}: {column} {fault}; it must be a column of numbers."
            )


def _each_once(connection: "duckdb.DuckDBPyConnection", period: Period, kind: str) -> tuple[str, int]:
    """What to read so that of equal event ids only the first to arrive counts, and how many of the period do not.

    `kind` is what tells whether an event matches a metric. Hashes are compared first, and ids only where two hashes are
    equal: ten million ids need no ten million strings.
    """
    import pyarrow as pa

    hashes = connection.sql("SELECT hash(_event_id) AS h FROM interactions WHERE _event_id IS NOT NULL")
    sorted_ = np.sort(tables.numbers(hashes.to_arrow_table()["h"]))
    doubled = np.unique(sorted_[1:][sorted_[1:] == sorted_[:-1]])
    if not len(doubled):
        return "interactions", 0
    connection.register("doubled", pa.Table.from_arrays([tables.array(doubled)], ["h"]))
    # No column of a schema can be called "the place": the callers' columns are here too, under any name they like.
    connection.execute(
        "CREATE TEMP TABLE ranked AS "
        'SELECT *, row_number() OVER (PARTITION BY _event_id ORDER BY _ingested) AS "the place" '
        "FROM interactions SEMI JOIN doubled ON hash(_event_id) = doubled.h"
    )
    connection.execute(
        'CREATE VIEW counted AS SELECT * EXCLUDE ("the place") FROM ranked WHERE "the place" = 1 '
        "UNION ALL BY NAME SELECT * FROM interactions ANTI JOIN doubled ON hash(_event_id) = doubled.h"
    )
    left_out = (
        f"SELECT count(*) FROM ranked event WHERE {kind} IS NOT NULL "  # noqa: S608 - quoted words
        'AND event."the place" > 1 AND event.TIMESTAMP >= ? AND event.TIMESTAMP < ?'
    )
    return "counted", int(connection.execute(left_out, [period.start, period.end]).fetchall()[0][0])


def _tied(connection: "duckdb.DuckDBPyConnection") -> bool:
    """Make `ties`, the user of each session that has events without one; whether there are any."""
    connection.execute(
        "CREATE TEMP TABLE ties AS SELECT _session_id AS session, arg_max(USER_ID, _ingested) AS tied "
        "FROM interactions WHERE USER_ID IS NOT NULL AND _session_id IN "
        "(SELECT DISTINCT _session_id FROM interactions WHERE USER_ID IS NULL AND _session_id IS NOT NULL) GROUP BY ALL"
    )
    return bool(connection.sql("SELECT count(*) FROM ties").fetchall()[0][0])


_ALONE = """strlen(_side) = 64 AND starts_with(_side, '{"RECOMMENDATION_ID":"RID-')"""
"""Most events bring a recommendation id and nothing else; such a text is cut, which takes less time than parsing.

Other members stand before it where there are any (see `storage.records.settling`). The text is cut from its end, with
the quote that closes the id: that takes half the time, and twelve letters need no memory of their own in DuckDB.
`_Codes` looks whether they end an id of ours. Bytes are counted, which is faster than letters: only a made-up id, with
letters that ours never have, could tell.
"""

_SOURCE = f"""CASE
  WHEN trim(EVENT_ATTRIBUTION_SOURCE) <> '' THEN upper(EVENT_ATTRIBUTION_SOURCE) || '{_OWN}'
  WHEN RECOMMENDATION_ID IS NULL AND {_ALONE} THEN substr(_side, -13, 12)
  WHEN trim(json_extract_string(_side, '$.EVENT_ATTRIBUTION_SOURCE')) <> ''
    THEN upper(json_extract_string(_side, '$.EVENT_ATTRIBUTION_SOURCE')) || '{_OWN}'
  ELSE CASE coalesce(RECOMMENDATION_ID, json_extract_string(_side, '$.RECOMMENDATION_ID'), '')
    WHEN '' THEN '{_NONE}'
    ELSE coalesce(nullif(regexp_extract(coalesce(RECOMMENDATION_ID, json_extract_string(_side, '$.RECOMMENDATION_ID')),
      '^RID-.{{25}}-CID-([0-9a-f]{{6}})$', 1), ''), '{_FOREIGN}') END END"""


def _select(origin: str, columns: Sequence[tuple[str, str]], period: Period, kind: str, *, tied: bool) -> str:
    """The narrow columns.

    Callers name columns of their schemas as they like, so every name in here is either told with its table or is one of
    ours, given before it meets one of theirs.
    """
    user = "coalesce(user_id, tied)" if tied else "user_id"
    placed = [(f"value{place}", dataset, name) for place, (dataset, name) in enumerate(columns)]
    own = "".join(f', event."{name}" AS {value}' for value, dataset, name in placed if dataset == "INTERACTIONS")
    of_items = "".join(f', items."{name}" AS {value}' for value, dataset, name in placed if dataset == "ITEMS")
    values = "".join(f", coalesce({value}, 0) AS {value}" for value, _, _ in placed)
    joins = " LEFT JOIN ties ON user_id IS NULL AND session_id = session" if tied else ""
    if of_items:
        joins += (
            f" LEFT JOIN (SELECT items.ITEM_ID AS item{of_items} FROM items"  # noqa: S608 - checked columns
            " QUALIFY row_number() OVER (PARTITION BY items.ITEM_ID ORDER BY items._ingested DESC) = 1) OF_ITEMS"
            " USING (item)"
        )
    return f"""
        SELECT CASE WHEN {user} IS NULL THEN 0 ELSE hash({user}) END AS "user", source,
          floor(time / {WINDOW_SECONDS})::INTEGER AS "window", kind,
          (CASE WHEN age >= {STALE_SECONDS} THEN 2 WHEN age >= {LATE_SECONDS} THEN 1 ELSE 0 END)::TINYINT
            AS late{values}
        FROM (
          SELECT event.ITEM_ID AS item, event.USER_ID AS user_id, event._session_id AS session_id,
            event."TIMESTAMP" AS time, ({kind} - 1)::SMALLINT AS kind, {_SOURCE} AS source,
            event._ingested // 1000000000 - event."TIMESTAMP" AS age{own}
          FROM {origin} event
          WHERE {kind} IS NOT NULL AND event."TIMESTAMP" >= {period.start} AND event."TIMESTAMP" < {period.end}
        ) FOUND{joins}"""  # noqa: S608 - names of checked columns and our own words


def _shape(columns: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa

    yield from (("user", pa.uint64()), ("source", pa.int32()), ("window", pa.int32()), ("kind", pa.int16()))
    yield "late", pa.int8()
    yield from ((f"value{place}", pa.float64()) for place in range(len(columns)))


class _Codes:
    """Numbers of sources, in the order in which they are met."""

    def __init__(self, arns: Mapping[str, str]) -> None:
        self._arns = {cid.lower(): arn for cid, arn in arns.items()}
        self._known: dict[str, int] = {}
        self.names: list[str] = []
        self.nothing_given = 0
        self.unknown_ids = 0

    def replaced(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """The batch with numbers in place of the texts in `source`."""
        texts = batch.column("source").dictionary_encode()
        words = texts.dictionary.to_pylist()
        places = tables.numbers(texts.indices)
        counts = np.bincount(places, minlength=len(words))
        codes = np.array([self._code(word, int(count)) for word, count in zip(words, counts, strict=True)], np.int32)
        return batch.set_column(batch.schema.get_field_index("source"), "source", tables.array(codes[places]))

    def _code(self, word: str, count: int) -> int:
        is_own = word.endswith(_OWN)
        name = word.removesuffix(_OWN) if is_own else self._arns.get(_cid(word), UNDEFINED)
        if word == _NONE:
            self.nothing_given += count
        elif name == UNDEFINED and not is_own:
            self.unknown_ids += count
        if name not in self._known:
            self._known[name] = len(self.names)
            self.names.append(name)
        return self._known[name]


def _cid(word: str) -> str:
    """The six digits of a campaign or recommender, whether parsed or cut with what stands around them.

    >>> _cid("00aa11"), _cid('-CID-00aa11"')
    ('00aa11', '00aa11')
    """
    return word.removesuffix('"').removeprefix("-CID-")
