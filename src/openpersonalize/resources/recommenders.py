"""Recommenders: a use case of a domain in service, with a model of its own that trains itself anew every week.

The trainings are in `recommender_trainings`, the answers in `recommendations`.
Source: https://docs.aws.amazon.com/personalize/latest/dg/creating-recommenders.html
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from openpersonalize.errors import InvalidInputException, ResourceInUseException
from openpersonalize.jobs import Task
from openpersonalize.recipes import catalog
from openpersonalize.resources import cids, lifecycle, quotas, updates
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.recommender_rules import faults_of, require_recipe
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, get, given, require_free
from openpersonalize.resources.solutions import artefacts_of, recipe_of, schemas_of
from openpersonalize.storage.metadata import Transaction

COLUMNS = "trainingDataConfig"
"""The part of the configuration whose change is learned by a new training."""


@dataclass(frozen=True, kw_only=True)
class Recommender(Resource):
    """A recommender; `recommender_config` is kept as it was sent.

    `model_id` names the training whose model answers; None before the first. `columns_date_time` is when the columns
    to learn from were chosen: those that datasets got later are left out. `cid` marks its recommendation ids.
    """

    noun: ClassVar[str] = "recommender"
    life: ClassVar[lifecycle.Life] = lifecycle.RECOMMENDER
    name: str
    recommender_arn: str
    dataset_group_arn: str
    recipe_arn: str
    status: str
    cid: str
    columns_date_time: datetime
    recommender_config: dict[str, Any]
    failure_reason: str | None = None
    latest_recommender_update: dict[str, Any] | None = None
    model_metrics: dict[str, float] | None = None
    model_id: str | None = None

    @property
    def recipe(self) -> catalog.Recipe:
        """Its use case."""
        return recipe_of(self.recipe_arn)

    @property
    def model_arn(self) -> str:
        """The name of the model that answers, under which it is kept and remembered."""
        return f"{self.recommender_arn}/{self.model_id}"


@operation
def create_recommender(
    ctx: Context,
    *,
    name: str,
    dataset_group_arn: str,
    recipe_arn: str,
    recommender_config: dict[str, Any] | None = None,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Check the use case against the group and start the first training."""
    recipe, config, now = recipe_of(recipe_arn), recommender_config or {}, ctx.now()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        require_recipe(recipe, group.domain, group.arn)
        recommender = Recommender(
            name=name,
            recommender_arn=ctx.arn(Recommender.noun, name),
            dataset_group_arn=group.arn,
            recipe_arn=recipe.arn,
            status=lifecycle.CREATE_PENDING,
            cid=cids.free(ctx, tx),
            columns_date_time=now,
            recommender_config=config,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, recommender)
        lifecycle.require_active(group)
        _check(ctx, tx, recommender, config, datasets_too=True)
        quotas.require_room(ctx, tx, Recommender, ctx.settings.quota_recommenders, group=group.arn)
        lifecycle.begin(ctx, tx, recommender, tags=tags)
    return {"recommenderArn": recommender.arn}


def _check(
    ctx: Context, tx: Transaction, recommender: Recommender, config: dict[str, Any], *, datasets_too: bool
) -> None:
    schemas = schemas_of(ctx, tx, recommender.dataset_group_arn)
    found = faults_of(recommender.recipe, schemas, config, datasets_too=datasets_too)
    if found:
        raise InvalidInputException(" ".join(found))


@operation
def describe_recommender(ctx: Context, *, recommender_arn: str) -> Answer:
    """All about one recommender; how far a training is comes in a header of the answer."""
    return described(ctx, Recommender, "recommender", recommender_arn)


@operation
def list_recommenders(
    ctx: Context, *, dataset_group_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The recommenders of a group, or all."""
    return listing(
        ctx, Recommender, "recommenders", parent=dataset_group_arn, max_results=max_results, next_token=next_token
    )


@operation
def update_recommender(ctx: Context, *, recommender_arn: str, recommender_config: dict[str, Any]) -> Answer:
    """Replace the configuration; it answers with the old one until the update is ACTIVE."""
    with ctx.writing() as tx:
        recommender = given(ctx, tx, Recommender, recommender_arn)
        if recommender.status not in (lifecycle.ACTIVE, lifecycle.INACTIVE):
            raise _unfit(recommender, "be updated")
        _require_settled(recommender, "updated")
        if recommender_config == recommender.recommender_config:
            raise InvalidInputException(
                f"The update changes nothing: the recommender {recommender.arn} is configured so already."
            )
        _check(ctx, tx, recommender, recommender_config, datasets_too=False)
        asked = updates.asked(ctx, {"recommenderConfig": recommender_config})
        tx.replace(recommender.but(ctx.now(), latest_recommender_update=asked))
        learns = recommender_config.get(COLUMNS) != recommender.recommender_config.get(COLUMNS)
        kind = "recommender.update-columns" if learns else "recommender.update"
        ctx.queue.enqueue(tx.connection, kind, recommender.arn)
    return {"recommenderArn": recommender.arn}


def _require_settled(recommender: Recommender, what: str) -> None:
    if updates.is_open(recommender.latest_recommender_update):
        raise ResourceInUseException(f"The recommender {recommender.arn} is being updated and cannot be {what}.")


def _unfit(recommender: Recommender, what: str) -> ResourceInUseException:
    return ResourceInUseException(
        f"The recommender {recommender.arn} is in {recommender.status} state and cannot {what}."
    )


def updated(ctx: Context, recommender: Recommender, status: str, **changes: Any) -> Recommender:
    """The recommender with its update in the next status."""
    moved = updates.moved(ctx, recommender.latest_recommender_update, status, reason=changes.pop("reason", None))
    return recommender.but(ctx.now(), latest_recommender_update=moved, **changes)


def update_failed(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
    """The old configuration stays in force."""
    tx.replace(updated(ctx, tx.get(Recommender, subject), lifecycle.CREATE_FAILED, reason=reason))


@job("recommender.update", failed=update_failed, inline=True)
def update(ctx: Context, task: Task) -> None:
    """Bring a configuration into force that needs no training."""
    with task.transaction() as tx:
        tx.replace(updated(ctx, tx.get(Recommender, task.subject), lifecycle.CREATE_IN_PROGRESS))
    with task.publish() as tx:
        recommender = tx.get(Recommender, task.subject)
        wanted = (recommender.latest_recommender_update or {})["recommenderConfig"]
        tx.replace(updated(ctx, recommender, lifecycle.ACTIVE, recommender_config=wanted))


@operation
def stop_recommender(ctx: Context, *, recommender_arn: str) -> Answer:
    """Take a recommender out of service; its model stays. One that is stopped stays so."""
    return _turn(ctx, recommender_arn, lifecycle.ACTIVE, lifecycle.INACTIVE, lifecycle.STOP_PENDING)


@operation
def start_recommender(ctx: Context, *, recommender_arn: str) -> Answer:
    """Put a stopped recommender back into service, with the model it had. One that is in service stays so."""
    return _turn(ctx, recommender_arn, lifecycle.INACTIVE, lifecycle.ACTIVE, lifecycle.START_PENDING)


def _turn(ctx: Context, arn: str, old: str, new: str, pending: str) -> Answer:
    with ctx.writing() as tx:
        recommender = given(ctx, tx, Recommender, arn)
        if recommender.status == lifecycle.CREATE_FAILED:
            raise InvalidInputException(f"The recommender {arn} is in CREATE FAILED state; it must be {old}.")
        if recommender.status not in (old, new):
            raise ResourceInUseException(f"The recommender {arn} is in {recommender.status} state; it must be {old}.")
        if recommender.status == old:
            lifecycle.become(ctx, tx, recommender, pending)
            ctx.queue.enqueue(tx.connection, "recommender.turn", arn)
    return {"recommenderArn": arn}


def _turn_again(ctx: Context, tx: Transaction, subject: str, _reason: str) -> None:
    ctx.queue.enqueue(tx.connection, "recommender.turn", subject, due=ctx.now() + lifecycle.DELETE_AGAIN)


@job("recommender.turn", failed=_turn_again, inline=True)
def turn(ctx: Context, task: Task) -> None:
    """Stop or start a recommender, whichever its status says."""
    with task.transaction() as tx:
        recommender = tx.get(Recommender, task.subject)
        stopping = recommender.status in (lifecycle.STOP_PENDING, lifecycle.STOP_IN_PROGRESS)
        lifecycle.become(ctx, tx, recommender, lifecycle.STOP_IN_PROGRESS if stopping else lifecycle.START_IN_PROGRESS)
    with task.publish() as tx:
        lifecycle.become(
            ctx, tx, tx.get(Recommender, task.subject), lifecycle.INACTIVE if stopping else lifecycle.ACTIVE
        )


@operation
def delete_recommender(ctx: Context, *, recommender_arn: str) -> None:
    """Delete a recommender and its model."""
    with ctx.writing() as tx:
        recommender = given(ctx, tx, Recommender, recommender_arn)
        if recommender.status not in (lifecycle.ACTIVE, lifecycle.INACTIVE, lifecycle.CREATE_FAILED):
            raise _unfit(recommender, "be deleted")
        _require_settled(recommender, "deleted")
        lifecycle.end(ctx, tx, recommender)


def _drop_models(ctx: Context, recommender: Recommender) -> None:
    cids.retire(ctx, recommender.dataset_group_arn, recommender.cid, recommender.arn)
    ctx.artefacts.delete_prefix(artefacts_of(recommender.arn))


lifecycle.deleted_by_a_step(Recommender, _drop_models)
