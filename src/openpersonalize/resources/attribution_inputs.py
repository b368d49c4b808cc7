"""What an attribution report of a dataset group is made from: tables, lists, and whose recommendation ids are whose."""

from collections.abc import Mapping, Sequence

from openpersonalize.attribution.backfill import Point
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Inputs
from openpersonalize.errors import InvalidInputException
from openpersonalize.resources.attribution_counting import NAMESPACE, count_all, of_group
from openpersonalize.resources.attribution_sources import sources_of
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.resource import get
from openpersonalize.storage.served import Group

MOST_SERIES = 10_000


def measures_of(ctx: Context, dataset_group_arn: str) -> list[Measure]:
    """The metrics of the group's metric attribution; raises InvalidInputException where it has none."""
    record = of_group(ctx, dataset_group_arn)
    if record is None or not record.metrics:
        raise InvalidInputException(
            f"The dataset group {dataset_group_arn} has no metric attribution with a metric; name metrics yourself."
        )
    return record.measures


def published_of(ctx: Context, dataset_group_arn: str) -> tuple[int, list[Point]]:
    """What was published for the group's attribution, by metric in capitals, and from when on it was counted.

    Sources beyond the first hundred stand under `SOURCE_NAME_UNDEFINED`. Raises InvalidInputException where the group
    has no attribution.
    """
    count_all(ctx)
    record = of_group(ctx, dataset_group_arn)
    if record is None:
        raise InvalidInputException(f"The dataset group {dataset_group_arn} has no metric attribution.")
    own = ctx.points.names(
        ctx.caller.account,
        ctx.caller.region,
        namespace=NAMESPACE,
        dimensions=[("DatasetGroupArn", dataset_group_arn), ("EventAttributionSource", None)],
        limit=MOST_SERIES,
    )
    points = [
        Point(series.name, dict(series.dimensions)["EventAttributionSource"], point.timestamp, point.value)
        for series in own
        for point in ctx.points.read(series, 0, 1 << 62)
    ]
    return int(record.creation_date_time.timestamp()), points


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
