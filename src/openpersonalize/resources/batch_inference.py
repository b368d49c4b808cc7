"""What a batch inference job does: lines are answered by the model of a solution version, as a campaign would."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from openpersonalize import serving
from openpersonalize.errors import InvalidInputException
from openpersonalize.jobs import Task
from openpersonalize.recipes import catalog
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History
from openpersonalize.resources import batch_files, batch_rules, filtering, lifecycle
from openpersonalize.resources.batch_inference_jobs import BatchInferenceJob
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, table_of
from openpersonalize.resources.registry import job
from openpersonalize.resources.solutions import recipe_of
from openpersonalize.serving import batch
from openpersonalize.storage import records


@dataclass(frozen=True)
class Asked:
    """The model that answers a job's lines, and what it needs besides."""

    ctx: Context
    record: BatchInferenceJob
    recipe: catalog.Recipe
    artefact: Artefact
    interactions: records.Dataset


@job("batch-inference-job.create", failed=lifecycle.create_failed(BatchInferenceJob))
def run(ctx: Context, task: Task) -> None:
    """Answer every line of every file, then ACTIVE."""
    with ctx.metadata.reading() as tx:
        record = tx.get(BatchInferenceJob, task.subject)
    batch_files.wait_for_the_next_second(ctx, record.creation_date_time)
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(BatchInferenceJob, task.subject), lifecycle.CREATE_IN_PROGRESS)
    asked = _asked(ctx, record)
    read = partial(batch.query, recipe_type=asked.recipe.type, most_items=ctx.settings.quota_ranking_items)
    at_once, most = batch.lines_at_once(asked.artefact), ctx.settings.quota_batch_records
    work = batch_files.Work(read, partial(_answers, asked), at_once, most)
    batch_files.run(ctx, task, work, record.job_input, record.job_output)
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(BatchInferenceJob, task.subject), lifecycle.ACTIVE)


def _asked(ctx: Context, record: BatchInferenceJob) -> Asked:
    group = record.dataset_group_arn.rsplit("/", 1)[-1]
    return Asked(
        ctx,
        record,
        recipe_of(record.recipe_arn),
        batch_rules.model_of(ctx, record.solution_version_arn),
        table_of(ctx.arn(Dataset.noun, f"{group}/INTERACTIONS")),
    )


def _answers(asked: Asked, queries: Sequence[batch.Query]) -> list[bytes | batch.LineError]:
    """All lines are scored together."""
    scores = asked.artefact.model.scores_many([_history(asked, query) for query in queries])
    return [_answer(asked, query, own) for query, own in zip(queries, scores, strict=True)]


def _answer(asked: Asked, query: batch.Query, scores: Floats) -> bytes | batch.LineError:
    try:
        return batch.answered(query, _ranked(asked, query, scores))
    except InvalidInputException as fault:  # what a filter finds wrong with a line
        return batch.LineError(fault.message)


def _history(asked: Asked, query: batch.Query) -> History:
    if query.item_id is not None:
        return serving.seeded(asked.artefact, query.item_id)[1]
    if query.user_id is None or "real time" not in asked.recipe.abilities:
        return History.empty()
    streamed = asked.ctx.records.recent(asked.interactions, query.user_id)
    return serving.history(asked.artefact, query.user_id, streamed)


def _ranked(asked: Asked, query: batch.Query, scores: Floats) -> list[serving.Ranked]:
    ctx, record, artefact = asked.ctx, asked.record, asked.artefact
    asking = filtering.Asking(
        record.dataset_group_arn,
        asked.recipe,
        record.solution_version_arn,
        artefact,
        asked.interactions,
        query.user_id,
        query.item_id,
    )
    filtered = filtering.named(ctx, asking, record.filter_arn, query.filter_values)
    if query.item_list:
        ranked = serving.rank(artefact, scores, query.item_list)
        if filtered is None:
            return ranked
        kept = set(filtering.remaining(ctx, asking, filtered, query.item_list))
        return [row for row in ranked if row.item_id in kept]
    allowed = filtering.catalogue(ctx, asking, filtered)
    if query.item_id is not None:
        seed, _ = serving.seeded(artefact, query.item_id)
        return serving.recommend(artefact, scores, record.num_results, allowed, seed)
    return serving.recommend(artefact, scores, record.num_results, allowed)
