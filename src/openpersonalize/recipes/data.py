"""The arrays that recipes see: who did what when, as numbers.

`item_id` is the caller's string, `item` our number, `items.ids[item]` the way back. Events are sorted by user, then
time; events of the same second keep the order in which they were imported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

Ints: TypeAlias = npt.NDArray[np.integer]
Floats: TypeAlias = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Vocabulary:
    """Caller's ids in a fixed order; the place of an id is its number.

    >>> Vocabulary(("heat", "alien")).numbers["alien"]
    1
    """

    ids: tuple[str, ...]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """From id to number."""
        return {text: number for number, text in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def known(self, ids: Iterable[str]) -> list[int]:
        """The numbers of those ids that are known, in order."""
        return [self.numbers[text] for text in ids if text in self.numbers]

    def save(self, path: Path) -> None:
        """One JSON list."""
        path.write_bytes(orjson.dumps(self.ids))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The same ids again."""
        return cls(tuple(orjson.loads(path.read_bytes())))


@dataclass(frozen=True)
class Categories:
    """A categorical column: each row holds any number of values (a `|` list), none when missing.

    Row `r` has the values `values.ids[indices[indptr[r]:indptr[r + 1]]]`.
    """

    name: str
    values: Vocabulary
    indptr: Ints
    indices: Ints


@dataclass(frozen=True)
class Numbers:
    """A numeric column: one float64 a row, NaN where missing."""

    name: str
    values: Floats


Column: TypeAlias = Categories | Numbers


@dataclass(frozen=True)
class History:
    """One user's known items in time order, oldest first: what a model is asked with.

    `items` are numbers of the model's vocabulary; `event_types` are numbers of `TrainingData.event_types` (-1:
    unknown); `timestamps` are epoch seconds. All three have the same length.
    """

    items: Ints
    event_types: Ints
    timestamps: Ints

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of(cls, items: Sequence[int]) -> "History":
        """A history of items alone, one second apart."""
        length = len(items)
        return cls(np.asarray(items, np.int64), np.zeros(length, np.int64), np.arange(length, dtype=np.int64))

    @classmethod
    def empty(cls) -> "History":
        """The history of somebody never seen."""
        return cls.of([])


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Everything a recipe may learn from.

    Events of user `u` are `item[offsets[u]:offsets[u + 1]]`, likewise `event_type` (number in `event_types`),
    `timestamp` (epoch seconds) and `weight` (of its event type; mean 1). `items` holds the items with events and those
    that only the Items dataset names; columns of `item_columns` have a row per item, of `user_columns` a row per user,
    NaN or empty where the dataset has no such row. `created` is an item's creation time in epoch seconds, -1 where not
    given.
    """

    users: Vocabulary
    items: Vocabulary
    offsets: Ints
    item: Ints
    timestamp: Ints
    event_type: Ints
    event_types: tuple[str, ...] = ("",)
    weight: Floats | None = None
    item_columns: tuple[Column, ...] = ()
    user_columns: tuple[Column, ...] = ()
    created: Ints | None = None
    seed: int = field(default=1)

    @cached_property
    def counts(self) -> Ints:
        """Events per item."""
        return np.bincount(self.item, minlength=len(self.items))

    @cached_property
    def lengths(self) -> Ints:
        """Events per user."""
        return np.diff(self.offsets)

    @cached_property
    def user(self) -> Ints:
        """The user of each event."""
        return np.repeat(np.arange(len(self.users)), self.lengths)

    def history(self, user: int) -> History:
        """All events of one user."""
        own = slice(self.offsets[user], self.offsets[user + 1])
        return History(self.item[own], self.event_type[own], self.timestamp[own])

    def only(self, users: Ints) -> "TrainingData":
        """The same vocabulary with the events of these users alone, in the order given; rows of users follow."""
        return self._with_events(users, self.offsets[users], self.offsets[np.asarray(users) + 1])

    def head(self, lengths: Ints) -> "TrainingData":
        """The same users with only the oldest `lengths[u]` events of each."""
        return self._with_events(np.arange(len(self.users)), self.offsets[:-1], self.offsets[:-1] + lengths)

    def where(self, keep: npt.NDArray[np.bool_]) -> "TrainingData":
        """The same users and items with only the events that `keep` [events] marks."""
        kept = np.concatenate([[0], np.cumsum(keep)])
        return replace(
            self,
            offsets=kept[self.offsets].astype(np.int64),
            item=self.item[keep],
            timestamp=self.timestamp[keep],
            event_type=self.event_type[keep],
            weight=None if self.weight is None else self.weight[keep],
        )

    def _with_events(self, users: Ints, starts: Ints, ends: Ints) -> "TrainingData":
        lengths = ends - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return TrainingData(
            users=Vocabulary(tuple(self.users.ids[user] for user in users)),
            items=self.items,
            offsets=offsets,
            item=self.item[rows],
            timestamp=self.timestamp[rows],
            event_type=self.event_type[rows],
            event_types=self.event_types,
            weight=None if self.weight is None else self.weight[rows],
            item_columns=self.item_columns,
            user_columns=tuple(_rows(column, np.asarray(users)) for column in self.user_columns),
            created=self.created,
            seed=self.seed,
        )


def _rows(column: Column, rows: Ints) -> Column:
    if isinstance(column, Numbers):
        return Numbers(column.name, column.values[rows])
    starts, ends = column.indptr[rows], column.indptr[rows + 1]
    indptr = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64)
    places = np.repeat(starts - indptr[:-1], ends - starts) + np.arange(indptr[-1])
    return Categories(column.name, column.values, indptr, column.indices[places])
