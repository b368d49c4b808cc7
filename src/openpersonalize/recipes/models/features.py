"""Item metadata as numbers: categorical columns as sparse value weights, numeric ones as normal quantiles.

`F(i) = S_i A + N_i B`: `S` and `N` are made here, `A` and `B` are learned with the sequence encoder. An encoder is
fitted once, at training; new items are encoded by it later without any training.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from openpersonalize.recipes.data import Categories, Column, Floats, Ints, Numbers, Vocabulary

QUANTILES = 256
RARE = 2
"""A value needs so many items for a row of its own."""
NUMERIC_FEATURES = 3
"""value, |value| > 2, missing."""
RESERVED = {"CREATION_TIMESTAMP"}
LOGARITHMIC = {"PRICE"}


@dataclass(frozen=True)
class Features:
    """Encoded items: `sparse` [items, values], rows of each column summing to 1 or empty; `dense` [items, numbers].

    `value_column` and `slope_column` tell which column a value or a number belongs to.
    """

    sparse: Any
    dense: Floats
    value_column: Ints
    slope_column: Ints

    @property
    def values(self) -> int:
        """How many rows `A` has."""
        return len(self.value_column)

    @property
    def columns(self) -> int:
        """How many columns were encoded."""
        return len({*self.value_column.tolist(), *self.slope_column.tolist()})


@dataclass(frozen=True)
class CategoryEncoder:
    """The values of one categorical column that have a row of their own; row 0 is everything rare or new."""

    name: str
    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """Rows it needs."""
        return len(self.values) + 1

    @classmethod
    def fit(cls, column: Categories, rows: Ints) -> Self:
        """Learn which values at least two of these items have."""
        of_row = np.repeat(np.arange(len(column.indptr) - 1), np.diff(column.indptr))
        counts = np.bincount(column.indices[np.isin(of_row, rows)], minlength=len(column.values))
        return cls(column.name, tuple(column.values.ids[value] for value in np.flatnonzero(counts >= RARE)))

    def encode(self, column: Categories | None, items: int) -> Any:
        """[items, width], each row with mean weight over its values, empty where missing."""
        if column is None:
            return _empty(items, self.width)
        from scipy import sparse

        numbers = Vocabulary(self.values).numbers
        place = np.array([numbers.get(value, -1) + 1 for value in column.values.ids], np.int64)
        lengths = np.diff(column.indptr)
        weights = np.repeat(1.0 / np.maximum(lengths, 1), lengths).astype(np.float32)
        row = np.repeat(np.arange(items), lengths)
        return sparse.csr_matrix((weights, (row, place[column.indices])), shape=(items, self.width))


@dataclass(frozen=True)
class NumberEncoder:
    """A numeric column squeezed into a standard normal by its quantiles at training."""

    name: str
    quantiles: tuple[float, ...]
    normals: tuple[float, ...]

    width = NUMERIC_FEATURES

    @classmethod
    def fit(cls, column: Numbers, rows: Ints) -> Self:
        """Learn the quantiles of these items; the same value always gets the same, middle, place."""
        from scipy import special

        values = _scaled(column)[rows]
        values = np.sort(values[np.isfinite(values)])
        if not len(values):
            return cls(column.name, (0.0,), (0.0,))
        places = (np.arange(QUANTILES) + 0.5) / QUANTILES
        grid = np.quantile(values, places)
        distinct, inverse = np.unique(grid, return_inverse=True)
        normals = special.ndtri(np.bincount(inverse, places) / np.bincount(inverse))
        return cls(column.name, tuple(distinct.tolist()), tuple(normals.tolist()))

    def encode(self, column: Numbers | None, items: int) -> Floats:
        """[items, 3]: value, far out, missing."""
        values = np.full(items, math.nan) if column is None else _scaled(column)
        missing = ~np.isfinite(values)
        x = np.interp(np.where(missing, 0.0, values), self.quantiles, self.normals)
        x = np.where(missing, 0.0, x)
        return np.stack([x, np.abs(x) > 2, missing], 1).astype(np.float32)  # noqa: PLR2004 -- two deviations


def _scaled(column: Numbers) -> Floats:
    if column.name in LOGARITHMIC:
        return np.log1p(np.maximum(column.values, 0.0))
    return column.values


@dataclass(frozen=True)
class FeatureEncoder:
    """All columns of one Items dataset."""

    categories: tuple[CategoryEncoder, ...] = ()
    numbers: tuple[NumberEncoder, ...] = ()

    @classmethod
    def fit(cls, columns: Sequence[Column], rows: Ints) -> Self:
        """Learn values and quantiles from the items `rows`; columns that say the same of all items are left out."""
        usable = [column for column in columns if column.name not in RESERVED and _speaks(column, rows)]
        return cls(
            tuple(CategoryEncoder.fit(column, rows) for column in usable if isinstance(column, Categories)),
            tuple(NumberEncoder.fit(column, rows) for column in usable if isinstance(column, Numbers)),
        )

    def encode(self, columns: Sequence[Column], items: int) -> Features:
        """Numbers for `items` items; columns that are not given count as missing."""
        from scipy import sparse

        given = {column.name: column for column in columns}
        blocks, dense = [], []
        for category in self.categories:
            found = given.get(category.name)
            blocks.append(category.encode(found if isinstance(found, Categories) else None, items))
        for number in self.numbers:
            column = given.get(number.name)
            dense.append(number.encode(column if isinstance(column, Numbers) else None, items))
        widths = [category.width for category in self.categories]
        first_number = len(self.categories)
        return Features(
            sparse.hstack(blocks, format="csr") if blocks else _empty(items, 0),
            np.concatenate(dense, 1) if dense else np.zeros((items, 0), np.float32),
            np.repeat(np.arange(first_number), widths),
            np.repeat(np.arange(first_number, first_number + len(self.numbers)), NUMERIC_FEATURES),
        )

    def save(self, folder: Path) -> None:
        """One json file."""
        (folder / "features.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same encoder again."""
        stored = json.loads((folder / "features.json").read_text())
        return cls(
            tuple(CategoryEncoder(row["name"], tuple(row["values"])) for row in stored["categories"]),
            tuple(
                NumberEncoder(row["name"], tuple(row["quantiles"]), tuple(row["normals"])) for row in stored["numbers"]
            ),
        )


def _empty(rows: int, columns: int) -> Any:
    from scipy import sparse

    nothing = np.zeros(0, np.int64)
    return sparse.csr_matrix((np.zeros(0, np.float32), (nothing, nothing)), shape=(rows, columns))


def _speaks(column: Column, rows: Ints) -> bool:
    if isinstance(column, Numbers):
        return len(np.unique(column.values[rows])) > 1
    return len(column.indices) > 0
