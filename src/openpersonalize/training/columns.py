"""Metadata columns of Items and Users as arrays with one row per number of a vocabulary."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from openpersonalize import avro
from openpersonalize.recipes.data import Categories, Column, Floats, Ints, Numbers
from openpersonalize.training.encoding import dictionary, encode, renumber

UNKNOWN_TIME = -1


def columns_of(table: Any, columns: Iterable[avro.Column], rows: Ints) -> tuple[Column, ...]:
    """The named columns of an Arrow table; place `n` takes the table's row `rows[n]`, nothing where that is -1."""
    return tuple(
        _categories(column.name, table[column.name], rows)
        if column.categorical
        else Numbers(column.name, _numbers(table[column.name], rows))
        for column in columns
    )


def times_of(values: Any, rows: Ints) -> Ints:
    """Epoch seconds, -1 where not known."""
    seconds = _numbers(values, rows)
    return np.where(np.isnan(seconds), UNKNOWN_TIME, seconds).astype(np.int64)


def _numbers(values: Any, rows: Ints) -> Floats:
    import pyarrow as pa

    known = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    taken = np.full(len(rows), np.nan)
    taken[rows >= 0] = known[rows[rows >= 0]]
    return taken


def _categories(name: str, values: Any, rows: Ints) -> Categories:
    """Values split at the vertical bar, blanks around and empty parts left out, each value of a row once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = pc.split_pattern(values.cast(pa.large_string()).combine_chunks(), "|")
    owner = pc.list_parent_indices(lists).to_numpy()
    parts = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    real = pc.not_equal(parts, "").to_numpy(zero_copy_only=False)
    ids, codes = encode([dictionary(parts.filter(pa.array(real)))])
    pairs = np.unique(np.stack([owner[real], codes]).astype(np.int64), axis=1)
    counts = np.bincount(pairs[0], minlength=len(values)).astype(np.int64)
    return _taken(name, ids, (counts, pairs[1]), rows)


def _taken(name: str, ids: Any, stored: tuple[Ints, Ints], rows: Ints) -> Categories:
    """The values of the rows that are taken; only these become the vocabulary."""
    counts, codes = stored
    starts = np.cumsum(counts) - counts
    there = rows >= 0
    lengths = np.where(there, counts[np.where(there, rows, 0)], 0) if len(counts) else np.zeros(len(rows), np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    first = starts[np.where(there, rows, 0)] if len(counts) else np.zeros(len(rows), np.int64)
    own = codes[np.repeat(first - indptr[:-1], lengths) + np.arange(indptr[-1])]
    values, numbers = renumber(ids, np.bincount(own, minlength=len(ids)) > 0)
    return Categories(name, values, indptr, numbers[own])
