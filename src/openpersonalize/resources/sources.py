"""The datasets of a group as the runtime reads them into memory."""

from dataclasses import replace

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.resources import datasets
from openpersonalize.resources.context import Context
from openpersonalize.serving.catalogues import Source
from openpersonalize.serving.imported import Event
from openpersonalize.storage.metadata import Reading


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


def imported(
    ctx: Context, dataset_group_arn: str, artefact: Artefact, user_id: str, kind: str = "INTERACTIONS"
) -> list[Event]:
    """What imports brought of a user since the model was trained; nothing for models that do not tell when that was."""
    after = artefact.manifest.get("imported_until", {}).get(kind)
    source = None if after is None else recent(ctx, dataset_group_arn, kind)
    if source is None:
        return []
    return list(ctx.imported.table(replace(source, after=after), ()).of(user_id))
