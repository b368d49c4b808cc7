"""Lists of users in CSV files: one column, USER_ID, and one id a line."""

import csv
from collections.abc import Iterator
from pathlib import Path

from openpersonalize.errors import JobFailed

COLUMN = "USER_ID"
_MOST_CHARACTERS = 256


def read(name: str, path: Path) -> Iterator[str]:
    """The ids in a file; raises JobFailed that names file, line and rule. `name` is what its owner calls it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, escapechar="\\")
        try:
            head = next(rows, [])
            if head != [COLUMN]:
                raise JobFailed(f"The header of {name} must be the one column {COLUMN}; it is [{', '.join(head)}].")
            for row in rows:
                if row:
                    yield _checked(name, rows.line_num, row)
        except UnicodeDecodeError as fault:
            raise JobFailed(f"{name} is not UTF-8: {fault.reason} at byte {fault.start}.") from fault


def _checked(name: str, line: int, row: list[str]) -> str:
    if len(row) != 1:
        raise JobFailed(f"{name}, line {line}: {len(row)} columns; one {COLUMN} a line.")
    if not 1 <= len(row[0]) <= _MOST_CHARACTERS:
        raise JobFailed(
            f"{name}, line {line}: a {COLUMN} has 1 to {_MOST_CHARACTERS} characters, this one {len(row[0])}."
        )
    return row[0]
