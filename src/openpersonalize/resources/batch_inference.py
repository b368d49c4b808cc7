"""What a batch inference job does: each input file is read line by line, and answered in `<name>.out`.

A line that cannot be answered has its reason in its own line, and again in `<name>.errors`; it never fails the job.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from openpersonalize import serving
from openpersonalize.errors import JobFailed
from openpersonalize.jobs import Later, Task
from openpersonalize.recipes import catalog
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History
from openpersonalize.resources import lifecycle
from openpersonalize.resources.batch_inference_jobs import BatchInferenceJob
from openpersonalize.resources.batch_rules import input_files, path_of
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, table_of
from openpersonalize.resources.registry import job
from openpersonalize.resources.solutions import artefacts_of, recipe_of
from openpersonalize.serving import batch
from openpersonalize.storage import records
from openpersonalize.storage.objects import Location, parse_location


@dataclass(frozen=True)
class Asked:
    """The model that answers a job's lines, and what it needs besides."""

    ctx: Context
    record: BatchInferenceJob
    recipe: catalog.Recipe
    artefact: Artefact
    interactions: records.Dataset


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


@job("batch-inference-job.create", failed=lifecycle.create_failed(BatchInferenceJob))
def run(ctx: Context, task: Task) -> None:
    """Answer every line of every file, then ACTIVE; a repeat writes the same files anew."""
    with ctx.metadata.reading() as tx:
        record = tx.get(BatchInferenceJob, task.subject)
    _wait_for_the_next_second(ctx, record)
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(BatchInferenceJob, task.subject), lifecycle.CREATE_IN_PROGRESS)
    if record.filter_arn is not None:
        raise JobFailed(f"{record.filter_arn}: filters are not applied to batch inference in this version.")
    asked = _asked(ctx, record)
    target, files = parse_location(path_of(record.job_output)), input_files(ctx, path_of(record.job_input))
    tally = Tally(sum(entry.size for entry in files), task.progress)
    for entry in files:
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="openpersonalize-batch-")))
            path = opened.enter_context(ctx.objects.open_local(entry.location))
            written = _answer_file(asked, path, folder / entry.location.name, tally)
            task.verify()
            _publish(ctx, written, target)
    if not tally.parsed:
        raise JobFailed(f"None of the {tally.lines} lines at {path_of(record.job_input)} is a JSON object.")
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(BatchInferenceJob, task.subject), lifecycle.ACTIVE)


def _wait_for_the_next_second(ctx: Context, record: BatchInferenceJob) -> None:
    """Clients find the output by its time of change, told in whole seconds, being after the job's creation."""
    begins = math.floor(record.creation_date_time.timestamp()) + 1
    missing = begins - ctx.now().timestamp()
    if missing > 0:
        raise Later(missing)


def _asked(ctx: Context, record: BatchInferenceJob) -> Asked:
    group = record.dataset_group_arn.rsplit("/", 1)[-1]
    version = record.solution_version_arn
    return Asked(
        ctx,
        record,
        recipe_of(record.recipe_arn),
        ctx.models.get(version, artefacts_of(version)),
        table_of(ctx.arn(Dataset.noun, f"{group}/INTERACTIONS")),
    )


def _publish(ctx: Context, written: Sequence[Path], target: Location) -> None:
    for path in written:
        if path.stat().st_size or path.suffix == ".out":
            ctx.objects.write(target.within(path.name), path)


def _answer_file(asked: Asked, path: Path, beside: Path, tally: Tally) -> tuple[Path, Path]:
    """Write the answers to a file's lines, and once more those that tell a failure."""
    answers, errors = beside.with_name(f"{beside.name}.out"), beside.with_name(f"{beside.name}.errors")
    at_once = batch.lines_at_once(asked.artefact)
    with path.open("rb") as lines, answers.open("wb") as good, errors.open("wb") as bad:
        for chunk in _chunks(lines, at_once):
            for line, failed in _answered(asked, chunk, tally):
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


def _answered(asked: Asked, lines: Sequence[bytes], tally: Tally) -> Iterator[tuple[bytes, bool]]:
    """The answers in the order of the lines, each with whether it tells a failure; scored together."""
    found: list[batch.Query | bytes] = []
    for line in lines:
        tally.lines += 1
        tally.bytes += len(line) + 1
        found.append(_read(asked, line, tally))
    queries = [query for query in found if isinstance(query, batch.Query)]
    histories = [_history(asked, query) for query in queries]
    scores = iter(asked.artefact.model.scores_many(histories) if queries else ())
    for query in found:
        if isinstance(query, bytes):
            yield query, True
        else:
            yield batch.answered(query, _ranked(asked, query, next(scores))), False


def _read(asked: Asked, line: bytes, tally: Tally) -> batch.Query | bytes:
    """What a line asks, or the line that tells why it cannot be answered."""
    given: batch.Given = line.decode(errors="replace")
    try:
        given = batch.parsed(line)
        tally.parsed += 1
        return batch.query(given, asked.recipe.type)
    except batch.LineError as fault:
        return batch.refused(given, str(fault))


def _history(asked: Asked, query: batch.Query) -> History:
    if query.item_id is not None:
        return serving.seeded(asked.artefact, query.item_id)[1]
    if query.user_id is None or "real time" not in asked.recipe.abilities:
        return History.empty()
    streamed = asked.ctx.records.recent(asked.interactions, query.user_id)
    return serving.history(asked.artefact, query.user_id, streamed)


def _ranked(asked: Asked, query: batch.Query, scores: Floats) -> list[serving.Ranked]:
    if query.item_list:
        return serving.rank(asked.artefact, scores, query.item_list)
    most = asked.record.num_results
    if query.item_id is not None:
        return serving.related(asked.artefact, scores, serving.seeded(asked.artefact, query.item_id)[0], most)
    return serving.recommend(asked.artefact, scores, most)
