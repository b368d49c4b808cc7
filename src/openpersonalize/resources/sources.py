"""The datasets of a group as the runtime reads them into memory."""

from dataclasses import replace

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.resources import datasets
from openpersonalize.resources.context import Context
from openpersonalize.serving.catalogues import Source
from openpersonalize.serving.imported import Event
from openpersonalize.storage import records
from openpersonalize.storage.metadata import Reading

EVENT_TYPES_SEEN = 5
"""Of the stream as many newest events are read as this many event types could fill."""


def find(ctx: Context, tx: Reading, dataset_group_arn: str, kind: str) -> Source | None:
    """The group's dataset of that type, None where there is none."""
    dataset = datasets.in_group(ctx, tx, dataset_group_arn, kind)
    if dataset is None:
        return None
    return Source(dataset.table, datasets.schema_of(tx, dataset), dataset.creation_date_time)


def recent(ctx: Context, dataset_group_arn: str, kind: str) -> Source | None:
    """The same, remembered for at most a second."""

    def load() -> Source | None:
        with ctx.metadata.reading() as tx:
            return find(ctx, tx, dataset_group_arn, kind)

    return ctx.recent.get(("source", kind, ctx.caller.account, ctx.caller.region, dataset_group_arn), load)


def streamed(ctx: Context, events: records.Dataset, user_id: str, most: int) -> list[records.StreamRow]:
    """What a user did since the fast store began: the newest of each event type, so many, and perhaps others.

    Most users did less than a few types together could fill, and are read by the time of their events alone.
    """
    looked = most * EVENT_TYPES_SEEN
    found = ctx.records.recent(events, user_id, looked)
    return found if len(found) < looked else ctx.records.recent(events, user_id, most, of_each_type=True)


def imported(
    ctx: Context, dataset_group_arn: str, artefact: Artefact, user_id: str, kind: str = "INTERACTIONS"
) -> list[Event]:
    """What imports brought of a user since the model was trained; nothing for models that do not tell when that was."""
    after = artefact.manifest.get("imported_until", {}).get(kind)
    source = None if after is None else recent(ctx, dataset_group_arn, kind)
    if source is None:
        return []
    return list(ctx.imported.table(replace(source, after=after), ()).of(user_id))
