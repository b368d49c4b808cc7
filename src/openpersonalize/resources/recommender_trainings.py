"""The trainings of recommenders: the first, those that come every week, and those for other columns.

A new model takes the place of the old one in the commit that ends its job; the old one's files go at the next training.
"""

from dataclasses import dataclass
from typing import Any

from openpersonalize.jobs import Schedules, Task
from openpersonalize.resources import lifecycle, training_limits, updates
from openpersonalize.resources.context import Context
from openpersonalize.resources.recommenders import COLUMNS, Recommender, update_failed, updated
from openpersonalize.resources.registry import job
from openpersonalize.resources.solution_versions import sources_of
from openpersonalize.resources.solutions import artefacts_of
from openpersonalize.storage.metadata import Transaction

TRAIN = "recommender.train"
TRAIN_SECONDS = 7 * 86400.0
ID_DIGITS = 8


@dataclass(frozen=True)
class Learned:
    """A model that is kept, and what is told of it."""

    model_id: str
    metrics: dict[str, float]


@job("recommender.create", failed=lifecycle.create_failed(Recommender))
def create(ctx: Context, task: Task) -> None:
    """The first training, and the rhythm of those that follow."""
    with task.transaction() as tx:
        recommender = lifecycle.become(ctx, tx, tx.get(Recommender, task.subject), lifecycle.CREATE_IN_PROGRESS)
    learned = _learn(ctx, task, recommender, recommender.recommender_config)
    with task.publish() as tx:
        lifecycle.become(
            ctx,
            tx,
            tx.get(Recommender, task.subject),
            lifecycle.ACTIVE,
            model_id=learned.model_id,
            model_metrics=learned.metrics,
        )
        Schedules(ctx.queue).ensure(
            tx.connection, f"train {task.subject}", kind=TRAIN, subject=task.subject, every=TRAIN_SECONDS
        )


def _skip(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """A training that failed leaves the recommender its model; the next one is a week later."""


@job(TRAIN, failed=_skip)
def train_again(ctx: Context, task: Task) -> None:
    """The weekly training; a stopped or changing recommender is passed over, a deleted one ends the schedule."""
    with ctx.metadata.reading() as tx:
        recommender = tx.find(Recommender, task.subject)
    if recommender is None or not _is_free(recommender):
        with task.publish() as tx:
            if recommender is None or recommender.status in lifecycle.ENDING:
                Schedules(ctx.queue).cancel(tx.connection, subject=task.subject)
        return
    learned = _learn(ctx, task, recommender, recommender.recommender_config)
    with task.publish() as tx:
        present = tx.find(Recommender, task.subject)
        if present is not None and present.latest_recommender_update == recommender.latest_recommender_update:
            tx.replace(present.but(ctx.now(), model_id=learned.model_id, model_metrics=learned.metrics))
    if present is None:  # deleted meanwhile, and its models before this one was there
        ctx.artefacts.delete_prefix(artefacts_of(task.subject))


def _is_free(recommender: Recommender) -> bool:
    """In service, and not about to learn something else."""
    return recommender.status == lifecycle.ACTIVE and not updates.is_open(recommender.latest_recommender_update)


@job("recommender.update-columns", failed=update_failed)
def update_columns(ctx: Context, task: Task) -> None:
    """Learn from other columns, then bring the whole new configuration into force."""
    with task.transaction() as tx:
        recommender = updated(ctx, tx.get(Recommender, task.subject), lifecycle.CREATE_IN_PROGRESS)
        tx.replace(recommender)
    update = recommender.latest_recommender_update or {}
    learned = _learn(ctx, task, recommender.but(ctx.now(), columns_date_time=ctx.now()), update["recommenderConfig"])
    with task.publish() as tx:
        tx.replace(
            updated(
                ctx,
                tx.get(Recommender, task.subject),
                lifecycle.ACTIVE,
                recommender_config=update["recommenderConfig"],
                columns_date_time=ctx.now(),
                model_id=learned.model_id,
                model_metrics=learned.metrics,
            )
        )


def _learn(ctx: Context, task: Task, recommender: Recommender, config: dict[str, Any]) -> Learned:
    """Read the data, fit, measure and keep the model."""
    from openpersonalize import training

    with ctx.metadata.reading() as tx:
        sources = sources_of(ctx, tx, recommender.dataset_group_arn, recommender.columns_date_time)
    task.progress(0.0, "settling streamed rows")
    for table, schema in sources.values():
        ctx.records.settle(table, schema)
    _remove_stale(ctx, recommender)
    order = training.Order(
        recipe=recommender.recipe.name,
        config={COLUMNS: config.get(COLUMNS)},
        seed=ctx.settings.train_seed,
        threads=ctx.settings.train_threads,
        budget_seconds=ctx.settings.train_budget_seconds,
        limits=training_limits.of(ctx, recommender.recipe),
    )
    model_id = ctx.hexadecimal(ID_DIGITS)
    with training.workspace() as folder:
        trained = training.train(order, ctx.records, sources, folder, task.progress)
        task.verify()
        ctx.artefacts.put_folder(trained.folder, artefacts_of(f"{recommender.arn}/{model_id}"))
    return Learned(model_id, trained.metrics)


def _remove_stale(ctx: Context, recommender: Recommender) -> None:
    """The files of models that no longer answer: of the one before the present, and of trainings that were cut off."""
    kept = artefacts_of(recommender.model_arn).key
    for entry in ctx.artefacts.list(artefacts_of(recommender.arn), deep=True):
        if not entry.location.key.startswith(kept):
            ctx.artefacts.delete_prefix(entry.location)
