"""The files of a batch job: each is read line by line and answered in `<name>.out` of the output folder.

A line that cannot be answered has its reason in its own line, and again in `<name>.errors`; it never fails the job.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from openpersonalize.errors import JobFailed
from openpersonalize.jobs import Later, Task
from openpersonalize.resources.batch_rules import input_files, path_of
from openpersonalize.resources.context import Context
from openpersonalize.serving import batch
from openpersonalize.storage.objects import Location, parse_location

Reader: TypeAlias = Callable[[batch.Object], batch.Query]
"""What a line's object asks; raises LineError."""

Answerer: TypeAlias = Callable[[Sequence[batch.Query]], Sequence[bytes | batch.LineError]]
"""The lines that answer queries, in their order; an error in the place of one that has no answer."""


@dataclass(frozen=True)
class Work:
    """How lines are understood and answered, at most `at_once` of them together; a file may hold `most` lines."""

    read: Reader
    answer: Answerer
    at_once: int
    most: int


@dataclass
class Tally:
    """How many lines and bytes were read, and how many lines were JSON objects."""

    total_bytes: int
    told: Callable[[float, str], None]
    bytes: int = 0
    lines: int = 0
    parsed: int = 0

    def tell(self) -> None:
        """Say how far the job is; may raise to stop it."""
        self.told(min(0.99, self.bytes / max(1, self.total_bytes)), f"{self.lines:,} lines")


def wait_for_the_next_second(ctx: Context, created: datetime) -> None:
    """Clients find the output by its time of change, told in whole seconds, being after the job's creation."""
    missing = math.floor(created.timestamp()) + 1 - ctx.now().timestamp()
    if missing > 0:
        raise Later(missing)


def run(ctx: Context, task: Task, work: Work, job_input: dict[str, Any], job_output: dict[str, Any]) -> None:
    """Answer every line of every file; a repeat writes the same files anew. JobFailed when no line is an object."""
    target, files = parse_location(path_of(job_output)), input_files(ctx, path_of(job_input))
    tally = Tally(sum(entry.size for entry in files), task.progress)
    for entry in files:
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="openpersonalize-batch-")))
            path = opened.enter_context(ctx.objects.open_local(entry.location))
            _require_few_lines(work, path, entry.location.name)
            written = _answer_file(work, path, folder / entry.location.name, tally)
            task.verify()
            _publish(ctx, written, target)
    if not tally.parsed:
        raise JobFailed(f"None of the {tally.lines} lines at {path_of(job_input)} is a JSON object.")


def _require_few_lines(work: Work, path: Path, name: str) -> None:
    if path.stat().st_size < 2 * work.most:
        return  # a line has a character and its end, so there cannot be too many
    with path.open("rb") as file:
        count = sum(1 for line in file if line.strip())
    if count > work.most:
        raise JobFailed(f"{name} has {count} lines; at most {work.most} are allowed for this recipe.")


def _publish(ctx: Context, written: Sequence[Path], target: Location) -> None:
    for path in written:
        if path.stat().st_size or path.suffix == ".out":
            ctx.objects.write(target.within(path.name), path)


def _answer_file(work: Work, path: Path, beside: Path, tally: Tally) -> tuple[Path, Path]:
    """Write the answers to a file's lines, and once more those that tell a failure."""
    answers, errors = beside.with_name(f"{beside.name}.out"), beside.with_name(f"{beside.name}.errors")
    with path.open("rb") as lines, answers.open("wb") as good, errors.open("wb") as bad:
        for chunk in _chunks(lines, work.at_once):
            for line, failed in _answered(work, chunk, tally):
                good.write(line)
                if failed:
                    bad.write(line)
            tally.tell()
    return answers, errors


def _chunks(lines: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for line in lines:
        if line.strip():
            chunk.append(line.strip())
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _answered(work: Work, lines: Sequence[bytes], tally: Tally) -> Iterator[tuple[bytes, bool]]:
    """The answers in the order of the lines, each with whether it tells a failure."""
    found = [_read(work, line, tally) for line in lines]
    queries = [query for query in found if isinstance(query, batch.Query)]
    answers = iter(work.answer(queries) if queries else ())
    for query in found:
        answer = query if isinstance(query, bytes) else next(answers)
        if isinstance(query, batch.Query) and isinstance(answer, batch.LineError):
            yield batch.refused(query.given, str(answer)), True
        elif isinstance(answer, bytes):
            yield answer, isinstance(query, bytes)


def _read(work: Work, line: bytes, tally: Tally) -> batch.Query | bytes:
    """What a line asks, or the line that tells why it cannot be answered."""
    given: batch.Given = line.decode(errors="replace")
    tally.lines += 1
    tally.bytes += len(line) + 1
    try:
        given = found = batch.parsed(line)
        tally.parsed += 1
        return work.read(found)
    except batch.LineError as fault:
        return batch.refused(given, str(fault))
