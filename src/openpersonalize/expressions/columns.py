"""Columns as filters read them: numbers, and texts whose distinct cells are numbered.

Each has one row more than its table, the last, where everything is missing: so row -1 is what is not in the table.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Bools: TypeAlias = npt.NDArray[np.bool_]

Cell: TypeAlias = tuple[str, ...] | float | None
"""One value: a number, or the members of a text."""

MISSING = -1
"""The row of what is not in a table, and the code of a cell without a value."""


@dataclass(frozen=True)
class Numbers:
    """A numeric column; not-a-number where there is no value. Whole numbers beyond 2**53 lose their last digits."""

    values: Floats

    def cell(self, row: int) -> Cell:
        """The value of a row; None where there is none."""
        value = float(self.values[row])
        return None if np.isnan(value) else value

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Self:
        """The column of a table's values."""
        return cls(np.array([*(np.nan if value is None else value for value in values), np.nan], np.float64))


@dataclass(frozen=True)
class Texts:
    """A column of texts: `codes` say for each row which of the distinct `cells` it has.

    A categorical cell may hold several members, separated by `|`; a plain one is a single member.
    """

    codes: Ints
    cells: Sequence[str]
    categorical: bool = False

    @classmethod
    def of(cls, values: Iterable[str | None], *, categorical: bool = False) -> Self:
        """The column of a table's values."""
        known: dict[str, int] = {}
        codes = [MISSING if value is None else known.setdefault(value, len(known)) for value in values]
        return cls(np.array([*codes, MISSING], np.int32), tuple(known), categorical)

    def cell(self, row: int) -> Cell:
        """The members of a row's cell; None where there is no value."""
        return self.members(row) or None

    def members(self, row: int) -> tuple[str, ...]:
        """The members of one row's cell; empty where there is no value."""
        code = int(self.codes[row])
        return () if code == MISSING else split(self.cells[code], categorical=self.categorical)

    def having(self, wanted: Iterable[str]) -> Bools:
        """For each cell, and last for the missing one, whether it has any of the `wanted` members."""
        found = np.zeros(len(self.cells) + 1, np.bool_)
        for value in wanted:
            found[self._cells_with.get(value, ())] = True
        return found

    @cached_property
    def _cells_with(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for code, cell in enumerate(self.cells):
            for member in split(cell, categorical=self.categorical):
                found.setdefault(member, []).append(code)
        return found


def split(cell: str, *, categorical: bool) -> tuple[str, ...]:
    """The members of a cell: those between bars, without blanks around and empty ones, where it is categorical.

    >>> split("drama| noir", categorical=True)
    ('drama', 'noir')
    """
    if not categorical:
        return (cell,)
    return tuple(member for part in cell.split("|") if (member := part.strip()))


Column: TypeAlias = Numbers | Texts


@dataclass(frozen=True)
class Table:
    """The rows of what is filtered: the row of each id, and columns by their names in capitals."""

    rows: Mapping[str, int]
    columns: Mapping[str, Column]

    def cells(self, row: int) -> dict[str, Cell]:
        """The values of one row that are there."""
        found = {name: column.cell(row) for name, column in self.columns.items()}
        return {name: cell for name, cell in found.items() if cell is not None}

    def rows_of(self, ids: Iterable[str]) -> Ints:
        """The row of each id; MISSING for those without one."""
        return np.array([self.rows.get(one, MISSING) for one in ids], np.int64)
