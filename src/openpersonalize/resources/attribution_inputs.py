"""What an attribution report of a dataset group is made from: tables, lists, and whose recommendation ids are whose."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Published:
    """What was published for an attribution, counted from `since` (epoch seconds) on; metric names are in capitals.

    `named` are the sources that have a name there, where no other can have one any more; None where there is room.
    """

    since: int
    points: Sequence[Point]
    named: Collection[str] | None


def measures_of(ctx: Context, dataset_group_arn: str, wanted: Sequence[Measure | str]) -> list[Measure]:
    """The metrics wanted, names being those of the group's attribution ignoring case; all of it where none is wanted.

    Raises InvalidInputException where the attribution has no such metric, or there is none.
    """
    record = None if wanted and not any(isinstance(one, str) for one in wanted) else of_group(ctx, dataset_group_arn)
    known = {} if record is None else {measure.name.upper(): measure for measure in record.measures}
    if not wanted and not known:
        raise InvalidInputException(
            f"The dataset group {dataset_group_arn} has no metric attribution with a metric; name metrics yourself, "
            "each as NAME=EVENT_TYPE:EXPRESSION."
        )
    found = [known.get(one.upper(), one) if isinstance(one, str) else one for one in wanted or known.values()]
    unknown = [one for one in found if isinstance(one, str)]
    if unknown:
        names = ", ".join(measure.name for measure in known.values()) or "none"
        raise InvalidInputException(
            f"metric {unknown[0]} is not one of the metric attribution of {dataset_group_arn}; it has: {names}. "
            "Any other is given as NAME=EVENT_TYPE:EXPRESSION."
        )
    return [one for one in found if isinstance(one, Measure)]


def published_of(ctx: Context, dataset_group_arn: str) -> Published:
    """What was published for the group's attribution, all that came until now.

    Raises InvalidInputException where the group has no attribution.
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
    named, most = ctx.ledger.sources(record.arn), ctx.settings.quota_attribution_sources
    return Published(int(record.creation_date_time.timestamp()), points, named if len(named) >= most else None)


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
