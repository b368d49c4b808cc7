"""Dataset groups: the room of one application's data, models and campaigns; nothing in one influences another."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from openpersonalize.errors import InvalidInputException, ResourceInUseException
from openpersonalize.jobs import Task
from openpersonalize.resources import lifecycle, quotas
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, get, given, require_free
from openpersonalize.storage.metadata import family
from openpersonalize.storage.served import Group

BLOCKING = ("event-tracker", "solution", "dataset", "recommender", "filter", "metric-attribution")
"""Nouns that must be gone before their group; those already being deleted do not block, the group waits for them."""


@dataclass(frozen=True, kw_only=True)
class DatasetGroup(Resource):
    """A dataset group; `domain` is absent for a custom one."""

    noun: ClassVar[str] = "dataset-group"
    name: str
    dataset_group_arn: str
    status: str
    domain: str | None = None
    role_arn: str | None = None
    kms_key_arn: str | None = None
    failure_reason: str | None = None

    @property
    def group(self) -> None:
        """A group stands in no other; so its list has no filter either."""
        return None


@operation
def create_dataset_group(
    ctx: Context,
    *,
    name: str,
    role_arn: str | None = None,
    kms_key_arn: str | None = None,
    domain: str | None = None,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Start a dataset group; a key and the role that may use it come together."""
    if (role_arn is None) != (kms_key_arn is None):
        absent, present = ("roleArn", "kmsKeyArn") if role_arn is None else ("kmsKeyArn", "roleArn")
        raise InvalidInputException(f"{present} was given without {absent}; give both, or neither.")
    now = ctx.now()
    group = DatasetGroup(
        name=name,
        dataset_group_arn=ctx.arn(DatasetGroup.noun, name),
        status=lifecycle.CREATE_PENDING,
        domain=domain,
        role_arn=role_arn,
        kms_key_arn=kms_key_arn,
        creation_date_time=now,
        last_updated_date_time=now,
    )
    with ctx.writing() as tx:
        require_free(tx, group)
        quotas.require_room(ctx, tx, DatasetGroup, ctx.settings.quota_dataset_groups)
        lifecycle.begin(ctx, tx, group, tags=tags)
    return {"datasetGroupArn": group.arn, "domain": domain}


@operation
def describe_dataset_group(ctx: Context, *, dataset_group_arn: str) -> Answer:
    """All about one dataset group."""
    with ctx.metadata.reading() as tx:
        return {"datasetGroup": get(ctx, tx, DatasetGroup, dataset_group_arn)}


@operation
def list_dataset_groups(ctx: Context, *, next_token: str | None = None, max_results: int | None = None) -> Answer:
    """The caller's dataset groups, oldest first."""
    return listing(ctx, DatasetGroup, "datasetGroups", max_results=max_results, next_token=next_token)


@operation
def delete_dataset_group(ctx: Context, *, dataset_group_arn: str) -> None:
    """Delete an empty dataset group; raises ResourceInUseException naming what is still in it."""
    with ctx.writing() as tx:
        group = given(ctx, tx, DatasetGroup, dataset_group_arn)
        lifecycle.require_deletable(group)
        blocking = family.members(tx, group.arn, BLOCKING, without=lifecycle.ENDING)
        if blocking:
            raise ResourceInUseException(f"The dataset group {group.arn} still has: {', '.join(sorted(blocking))}.")
        lifecycle.end(ctx, tx, group)


@job("dataset-group.delete", failed=lifecycle.delete_failed, inline=True)
def delete(ctx: Context, task: Task) -> None:
    """Remove the group once nothing stands in it any more."""
    with ctx.metadata.reading() as reading:
        empty = not family.members(reading, task.subject, BLOCKING)
    if empty:
        ctx.served.drop(Group.of(task.subject))  # its interactions took them along; this is for what came after that
    with task.publish() as tx:
        group = tx.get(DatasetGroup, task.subject)
        if family.members(tx, group.arn, BLOCKING):
            later = ctx.now() + timedelta(seconds=1)
            ctx.queue.enqueue(tx.connection, f"{group.noun}.delete", group.arn, due=later)
            return
        family.remove_members(tx, group.arn)
        tx.remove(group)


lifecycle.created_by_a_step(DatasetGroup)
