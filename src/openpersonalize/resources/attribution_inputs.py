"""What an attribution report of a dataset group is made from: tables, lists, and whose recommendation ids are whose."""

from collections.abc import Mapping, Sequence

from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Inputs
from openpersonalize.errors import InvalidInputException
from openpersonalize.resources.attribution_sources import sources_of
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.resource import get
from openpersonalize.storage.served import Group


def inputs_of(
    ctx: Context, dataset_group_arn: str, measures: Sequence[Measure], randomised: Mapping[str, float]
) -> Inputs:
    """Everything there is now, streamed events and served lists included; they are settled first.

    Raises ResourceNotFoundException for an unknown group, InvalidInputException where it has no event yet.
    """
    with ctx.metadata.reading() as tx:
        get(ctx, tx, DatasetGroup, dataset_group_arn)
        datasets = {kind: in_group(ctx, tx, dataset_group_arn, kind) for kind in ("INTERACTIONS", "ITEMS")}
        schemas = {kind: schema_of(tx, dataset) for kind, dataset in datasets.items() if dataset is not None}
        sources = sources_of(ctx, tx, dataset_group_arn)
    tables = {}
    for kind, dataset in datasets.items():
        if dataset is not None:
            ctx.records.settle(dataset.table, schemas[kind])
            tables[kind] = ctx.records.tables.of(dataset.table).open()
    if tables.get("INTERACTIONS") is None:
        raise InvalidInputException(f"The dataset group {dataset_group_arn} has no interactions; a report needs some.")
    group = Group.of(dataset_group_arn)
    ctx.served.settle(group)
    return Inputs(
        interactions=tables["INTERACTIONS"],
        items=tables.get("ITEMS"),
        served=ctx.served.table(group),
        measures=measures,
        sources=sources,
        randomised=randomised,
    )
