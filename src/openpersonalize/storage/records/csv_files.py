"""CSV files as Personalize takes them.

Columns by name in any order, unknown ones ignored; one record per line; text in double quotes where needed, a quote
inside escaped by a backslash or by doubling it; blank means null. UTF-8, a byte order mark and CRLF allowed.
Source: https://docs.aws.amazon.com/personalize/latest/dg/preparing-training-data.html
"""

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc

from openpersonalize.avro import Schema
from openpersonalize.errors import JobFailed
from openpersonalize.storage.records import faults
from openpersonalize.storage.records.columns import DoubtfulError, arrow_type, checked
from openpersonalize.storage.records.faults import Fault
from openpersonalize.storage.records.meter import Meter

_BLOCK_BYTES = 2 * 1024 * 1024
_MOST_HEADER = 1024 * 1024
_BLANK_LINE = re.compile(rb"\n(?=\r?\n)")
_TICK_LINES = 20_000


@dataclass(frozen=True)
class CsvFile:
    """A file on this machine, and the name its owner knows it by."""

    name: str
    path: Path

    @cached_property
    def columns(self) -> list[str]:
        """The names in the header; raises JobFailed when it cannot be one."""
        with self.path.open("rb") as file:
            line = file.readline(_MOST_HEADER)
        try:
            text = line.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as fault:
            raise JobFailed(f"The header of {self.name} is not UTF-8.") from fault
        names = next(_reader(text), [])
        twice = [name for name, count in Counter(_bare(name) for name in names if name).items() if count > 1]
        if twice:
            clashing = ", ".join(name for name in names if _bare(name) in twice)
            raise JobFailed(f"Input CSV has duplicate columns in {self.name}: {clashing}.")
        return names

    def batches(self, schema: Schema, meter: Meter) -> Iterator[list[pa.Array]]:
        """The schema's columns, batch by batch, checked; `meter` hears how many bytes were read.

        Raises JobFailed that names the faulty lines.
        """
        with _Lines(self.path, meter) as lines:
            rows = 0
            try:
                for batch in self._parsed(schema, lines):
                    rows += batch.num_rows
                    yield checked(batch, schema)
            except (pa.ArrowInvalid, DoubtfulError) as fault:
                refusal = self._refusal(schema, meter, after=rows) or self._refusal(schema, meter)
                raise refusal or self._strange(fault) from fault
            if lines.strange or lines.records != rows:
                refusal = self._refusal(schema, meter)
                if refusal is not None:
                    raise refusal

    def _parsed(self, schema: Schema, lines: "_Lines") -> Iterator[pa.RecordBatch]:
        if lines.size <= lines.header:
            return
        # A column without a name, or known to nobody, still needs a name of its own to be left out by.
        names = [name if name in schema.by_name else f"\0{place}" for place, name in enumerate(self.columns)]
        yield from pc.open_csv(
            pa.PythonFile(lines, mode="r"),
            read_options=pc.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK_BYTES),
            parse_options=pc.ParseOptions(escape_char="\\", double_quote=True, newlines_in_values=False),
            convert_options=pc.ConvertOptions(
                column_types={column.name: arrow_type(column) for column in schema.columns},
                include_columns=[column.name for column in schema.columns],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                true_values=["true"],
                false_values=["false"],
            ),
        )

    def _refusal(self, schema: Schema, meter: Meter, after: int = 0) -> JobFailed | None:
        return faults.refusal("CSV", "line", self.name, self._judged(schema, meter, after), schema)

    def _strange(self, fault: Exception) -> JobFailed:
        return JobFailed(f"Input CSV has rows that do not conform to the dataset schema: {self.name}: {fault}.")

    def _judged(self, schema: Schema, meter: Meter, after: int) -> Iterator[tuple[int, Iterator[Fault]]]:
        """Line by line, the header being line 1, the line's faults; `meter` may stop it.

        The first `after` records are known to be good. They cover at least as many lines, so none is passed over.
        """
        with self.path.open("rb") as file:
            file.readline()
            written = ((number, line) for number, line in enumerate(file, start=2) if line.strip(b"\r\n"))
            for number, line in itertools.islice(written, after, None):
                if number % _TICK_LINES == 0:
                    meter.tick()
                yield number, self._faults_of_line(schema, number, line)

    def _faults_of_line(self, schema: Schema, number: int, line: bytes) -> Iterator[Fault]:
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            cells = _cells(line.decode())
        except UnicodeDecodeError as fault:
            yield Fault("", number, line[fault.start : fault.start + 8], "is not UTF-8")
            return
        except csv.Error as fault:
            yield Fault("", number, None, str(fault))
            return
        if len(cells) != len(self.columns):
            yield Fault("", number, None, f"{len(cells)} columns, the header has {len(self.columns)}")
            return
        if any("\r" in cell for cell in cells):
            yield Fault("", number, None, "a carriage return inside a value; one record per line, without line breaks")
        yield from faults.of_row(schema, number, dict(zip(self.columns, cells, strict=True)))


def _bare(name: str) -> str:
    return name.replace("_", "").upper()


def _reader(line: str, *, strict: bool = False) -> Iterator[list[str]]:
    return csv.reader([line], escapechar="\\", doublequote=True, strict=strict)


def _cells(line: str) -> list[str]:
    """The cells of one line, as the fast parser sees them; raises csv.Error when a quote is left open."""
    try:
        return next(_reader(line, strict=True))
    except csv.Error as fault:
        if "end of data" in str(fault):
            raise csv.Error("a quote or a backslash is left open; one record per line, without line breaks") from fault
        if "field limit" in str(fault):
            raise
    return next(_reader(line))


class _Lines(io.RawIOBase):
    """A file that counts while it is read: bytes, records, and signs that the fast parser would overlook.

    The parser takes a line break inside quotes when it does not fall between two blocks, so records are counted here.
    """

    def __init__(self, path: Path, meter: Meter) -> None:
        super().__init__()
        self._file = path.open("rb")
        self.size = path.stat().st_size
        self.header = len(self._file.readline())
        self._file.seek(0)
        self._meter = meter
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._breaks = self._blank = 0
        self._tail = b""
        self.strange = False

    def readable(self) -> bool:
        """Reading is all it does."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, counted."""
        data = self._file.read(size)
        self._meter.read += len(data)
        self._breaks += data.count(b"\n")
        joined = self._tail + data
        if b"\n\n" in joined or b"\n\r\n" in joined:
            self._blank += len(_BLANK_LINE.findall(joined))
        self._tail = joined[-1:] if joined.endswith(b"\n\n") else joined[-2:]  # no blank line is counted twice
        self._look(data)
        return data

    def _look(self, data: bytes) -> None:
        if b"\0" in data:
            self.strange = True
        if data.isascii() and self._decoder.getstate()[0] == b"":
            return
        try:
            self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            self.strange = True

    @property
    def records(self) -> int:
        """Lines after the header that hold something, of what was read."""
        unended = bool(self._tail) and not self._tail.endswith(b"\n")
        return max(0, self._breaks + unended - self._blank - 1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
