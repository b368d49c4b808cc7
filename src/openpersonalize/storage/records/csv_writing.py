"""Rows as the CSV that `csv_files` reads back to the same values.

A cell is quoted where it holds a comma, a quote or a backslash, the last two escaped by a backslash; null is blank.
Line breaks become blanks: a record is one line, and neither Amazon's rules nor ours have an escape for them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_SPECIAL = r'[,"\\]'
_BREAKS = r"[\r\n]+"


def header(names: Iterable[str]) -> bytes:
    """The first line: names are never quoted."""
    return f"{','.join(names)}\n".encode()


def lines(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The rows of each batch, a line each."""
    for batch in batches:
        if batch.num_rows:
            rows = pc.binary_join_element_wise(*(_cells(column) for column in batch.columns), ",")
            yield "".join(f"{row}\n" for row in rows.to_pylist()).encode()


def _cells(column: pa.Array) -> Any:
    if not pa.types.is_string(column.type):
        return pc.fill_null(column.cast(pa.string()), "")
    text = pc.replace_substring_regex(column, _BREAKS, " ")
    escaped = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise('"', escaped, '"', "")
    return pc.fill_null(pc.if_else(pc.match_substring_regex(text, _SPECIAL), quoted, text), "")
