"""Columns of Items, Users and Actions in memory, as filters or answers need them, one copy per process.

A table is read when a request first needs it. After that no request waits for it: once it is older than the refresh
time, the next request starts a look at the store beside it, and a newer version replaces the old one when it is read.
Rows put one by one join the store when they settle, so a change is seen within the settling and the refresh time.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from openpersonalize import avro, logs
from openpersonalize.clock import Clock
from openpersonalize.expressions.columns import MISSING, Column, Numbers, Table, Texts
from openpersonalize.storage.records import Dataset, Records

if TYPE_CHECKING:
    from openpersonalize.storage.records.snapshot import Snapshot

T = TypeVar("T")

CAPACITY = 32
_log = logs.get("serving")


@dataclass(frozen=True)
class Source:
    """A dataset by its name in the store; `made` tells it from an earlier one of the same name.

    Of events, those that were brought behind the place `after` may be meant alone.
    """

    dataset: Dataset
    schema: avro.Schema
    made: datetime
    after: int = -1


@dataclass(frozen=True)
class _Loaded(Generic[T]):
    table: T
    columns: frozenset[str]
    state: object
    checked: datetime


def version(snapshot: "Snapshot") -> object:
    """What changes with every row."""
    return snapshot.version


class Catalogues(Generic[T]):
    """Tables by dataset, the least recently used let go; for any number of threads.

    `read` makes a table of some columns, named in capitals, of a version of a dataset; anew when its `state` changes.
    """

    def __init__(
        self,
        records: Records,
        clock: Clock,
        refresh_seconds: float,
        read: "Callable[[Snapshot, Source, frozenset[str]], T]",
        state: "Callable[[Snapshot], object]" = version,
    ) -> None:
        self._records = records
        self._make = read
        self._state = state
        self._clock = clock
        self._refresh = timedelta(seconds=refresh_seconds)
        self._known: OrderedDict[Any, _Loaded[T]] = OrderedDict()
        self._locks: dict[Any, threading.Lock] = {}
        self._changing = threading.Lock()

    def table(self, source: Source, columns: Collection[str]) -> T:
        """The dataset's rows with at least these columns, named in capitals; the same object until a row changes."""
        key = (source.dataset.key, source.made, source.after)
        loaded = self._known.get(key)
        if loaded is None or not loaded.columns.issuperset(columns):
            with self._reading(key):
                loaded = self._known.get(key)
                if loaded is None or not loaded.columns.issuperset(columns):
                    loaded = self._read(source, frozenset(columns).union(loaded.columns if loaded else ()))
                    self._keep(key, loaded)
        elif self._clock.now() - loaded.checked >= self._refresh and self._reading(key).acquire(blocking=False):
            self._keep(key, replace(loaded, checked=self._clock.now()))
            threading.Thread(target=self._look, args=(key, source, loaded), daemon=True).start()
        return loaded.table

    def _look(self, key: Any, source: Source, loaded: _Loaded[T]) -> None:
        """In a thread of its own, which gives back the lock that the request took."""
        try:
            with self._records.snapshot(source.dataset, source.schema) as snapshot:
                if self._state(snapshot) != loaded.state:
                    self._keep(key, self._from(snapshot, source, loaded.columns))
        except Exception:  # noqa: BLE001 - the old table serves on, and the next look is one refresh time away
            _log.exception("a table could not be read again", dataset=source.dataset.key)
        finally:
            self._reading(key).release()

    def _reading(self, key: Any) -> threading.Lock:
        """Held by whoever reads this dataset; kept for good, as a lock that is dropped could be held."""
        return self._locks.setdefault(key, threading.Lock())

    def _keep(self, key: Any, loaded: _Loaded[T]) -> None:
        with self._changing:
            self._known[key] = loaded
            self._known.move_to_end(key)
            while len(self._known) > CAPACITY:
                self._known.popitem(last=False)

    def _read(self, source: Source, columns: frozenset[str]) -> _Loaded[T]:
        with self._records.snapshot(source.dataset, source.schema) as snapshot:
            return self._from(snapshot, source, columns)

    def _from(self, snapshot: "Snapshot", source: Source, columns: frozenset[str]) -> _Loaded[T]:
        checked = self._clock.now()
        return _Loaded(self._make(snapshot, source, columns), columns, self._state(snapshot), checked)


def for_filters(snapshot: "Snapshot", source: Source, columns: frozenset[str]) -> Table:
    """The columns of a version of a dataset as filters read them."""
    schema = source.schema
    key = str(schema.key)
    chosen = [column for column in schema.columns if column.name.upper() in columns]
    rows = snapshot.arrow(list(dict.fromkeys([key, *(column.name for column in chosen)]))).read_all()
    return Table(
        {row_id: row for row, row_id in enumerate(rows[key].to_pylist())},
        {column.name.upper(): _column(rows[column.name].combine_chunks(), column) for column in chosen},
    )


def _column(values: Any, column: avro.Column) -> Column:
    import pyarrow as pa

    if column.is_number:
        return Numbers(np.append(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.nan))
    encoded = values.dictionary_encode()
    codes = encoded.indices.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return Texts(np.append(codes, MISSING).astype(np.int32), encoded.dictionary.to_pylist(), column.categorical)
