"""Columns of items as answers show them: exact, and as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openpersonalize.serving.catalogues import Source

if TYPE_CHECKING:
    from openpersonalize.storage.records.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Descriptions:
    """The rows of a dataset: the row of each id, and its columns by their names in capitals, as Arrow keeps them."""

    rows: Mapping[str, int]
    columns: Mapping[str, Any]

    def text(self, item_id: str, column: str) -> str | None:
        """A value in words; None where the item, or its value, is not there."""
        row = self.rows.get(item_id)
        if row is None:
            return None
        value = self.columns[column.upper()][row].as_py()
        return None if value is None else told(value)


def told(value: object) -> str:
    """A value as clients read it.

    >>> [told(value) for value in ("Drama|Music", 130.0, 1994, True)]
    ['Drama|Music', '130.0', '1994', 'true']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def read(snapshot: "Snapshot", source: Source, columns: frozenset[str]) -> Descriptions:
    """The columns of a version of a dataset."""
    schema = source.schema
    key = str(schema.key)
    chosen = [column.name for column in schema.columns if column.name.upper() in columns]
    rows = snapshot.arrow(list(dict.fromkeys([key, *chosen]))).read_all()
    return Descriptions(
        {row_id: row for row, row_id in enumerate(rows[key].to_pylist())},
        {name.upper(): rows[name] for name in chosen},
    )
