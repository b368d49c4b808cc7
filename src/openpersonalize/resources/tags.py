"""Tags: key and value on most resources, at most fifty.

Source: https://docs.aws.amazon.com/personalize/latest/dg/tagging-resources.html
"""

from openpersonalize.arns import Arn
from openpersonalize.errors import (
    InvalidInputException,
    ResourceNotFoundException,
    TooManyTagKeysException,
    TooManyTagsException,
)
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.storage.metadata import Reading, Transaction, family

LIMIT = 50
TAGGABLE = (
    "dataset-group",
    "dataset",
    "dataset-import-job",
    "dataset-export-job",
    "data-deletion-job",
    "event-tracker",
    "filter",
    "recommender",
    "solution",
    "campaign",
    "batch-inference-job",
    "batch-segment-job",
)
"""Kinds of ARN; a solution version's starts with its solution's."""


def attach(tx: Transaction, arn: str, tags: list[dict[str, str]] | None) -> None:
    """Write tags given with a create or tag call; raises when they break a rule or exceed the limit."""
    if not tags:
        return
    wanted = checked(tags)
    if len(tx.tags(arn).keys() | wanted.keys()) > LIMIT:
        raise TooManyTagsException(f"A resource may have at most {LIMIT} tags; {arn} would have more.")
    tx.set_tags(arn, wanted)


def checked(tags: list[dict[str, str]]) -> dict[str, str]:
    """The tags as a map; raises InvalidInputException that tells every broken rule."""
    keys = [tag["tagKey"] for tag in tags]
    found = [
        f"Value '{text}' at 'tags' failed to satisfy constraint: Member must not start with aws:"
        for tag in tags
        for text in (tag["tagKey"], tag["tagValue"])
        if text.lower().startswith("aws:")
    ]
    found += [
        f"Value '{key}' at 'tags' failed to satisfy constraint: Member must have each tagKey once"
        for key in sorted({key for key in keys if keys.count(key) > 1})
    ]
    if found:
        raise InvalidInputException.violations(found)
    return {tag["tagKey"]: tag["tagValue"] for tag in tags}


@operation
def tag_resource(ctx: Context, *, resource_arn: str, tags: list[dict[str, str]]) -> Answer:
    """Add tags, or give those of the same key a new value."""
    with ctx.writing() as tx:
        _require(ctx, tx, resource_arn)
        attach(tx, resource_arn, tags)
    return {}


@operation
def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: list[str]) -> Answer:
    """Take tags away; keys the resource does not have are passed over."""
    if len(tag_keys) > LIMIT:
        raise TooManyTagKeysException(f"At most {LIMIT} tag keys may be removed at once; {len(tag_keys)} were given.")
    with ctx.writing() as tx:
        _require(ctx, tx, resource_arn)
        tx.unset_tags(resource_arn, tag_keys)
    return {}


@operation
def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> Answer:
    """All tags of a resource."""
    with ctx.metadata.reading() as tx:
        _require(ctx, tx, resource_arn)
        tags = tx.tags(resource_arn)
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in sorted(tags.items())]}


def _require(ctx: Context, tx: Reading, arn: str) -> None:
    parsed = Arn.parse(arn)
    if parsed.kind not in TAGGABLE:
        kinds = ", ".join(TAGGABLE)
        raise InvalidInputException(f"resourceArn: {arn} is the ARN of a {parsed.kind}; these can have tags: {kinds}.")
    if (parsed.account, parsed.region) != (ctx.caller.account, ctx.caller.region) or not family.exists(tx, arn):
        raise ResourceNotFoundException.arn(arn)
