"""What is wrong with a row, and the sentence that tells it."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openpersonalize.avro import Schema
from openpersonalize.errors import JobFailed

MOST_TOLD = 5
_LINES_TOLD = 100_000
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Fault:
    """A broken rule; `column` is empty when the whole line is at fault. Lines of a CSV file count its header as 1."""

    column: str
    line: int
    value: Any
    rule: str

    def told(self, unit: str, file: str) -> str:
        """One part of the sentence, such as "TIMESTAMP, line 8 of a.csv: 'soon' must be a whole number"."""
        place = f"{self.column}, {unit} {self.line}" if self.column else f"{unit} {self.line}"
        shown = "" if self.value in (None, "") else f"{_shortened(self.value)} "
        return f"{place} of {file}: {shown}{self.rule}"


def of_row(schema: Schema, line: int, values: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of one row, judged by the same rules as a record of PutItems."""
    for column in schema.columns:
        try:
            column.coerce(values[column.name])
        except ValueError as fault:
            yield Fault(column.name, line, values[column.name], str(fault))


def refusal(
    kind: str, unit: str, file: str, judged: Iterable[tuple[int, Iterable[Fault]]], schema: Schema
) -> JobFailed | None:
    """The failure that tells the first few faults of a file; None when there is none.

    `kind` is "CSV" or "Parquet", `unit` is what is counted, "line" or "row"; `judged` gives their numbers and faults.
    """
    told = list(itertools.islice(_near(judged), MOST_TOLD))
    if not told:
        return None
    parts = "; ".join(fault.told(unit, file) for fault in told)
    text = f"Input {kind} has rows that do not conform to the dataset schema: {parts}."
    column = schema.by_name.get(told[0].column)
    if column is not None and column.length is not None and told[0].rule.startswith("length"):
        hint = "Text with commas must stand in double quotes."
        text = f"Length cannot be more than {column.length} characters for {column.name}. {hint} {text}"
    return JobFailed(text)


def _near(judged: Iterable[tuple[int, Iterable[Fault]]]) -> Iterator[Fault]:
    """The first fault, and those that follow soon: nobody should wait for the rest of a large file."""
    last: int | None = None
    for number, found in judged:
        if last is not None and number > last:
            return
        for fault in found:
            last = last or number + _LINES_TOLD
            yield fault


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
