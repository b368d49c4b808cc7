"""`openpersonalize attribution report`: what recommendations are worth, from the events as they are kept."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openpersonalize import settings
from openpersonalize.cli.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    from openpersonalize.attribution.backfill import Difference
    from openpersonalize.attribution.events import Period
    from openpersonalize.attribution.measures import Measure
    from openpersonalize.attribution.report import Report
    from openpersonalize.resources.context import Context

DAYS = 28

cli = typer.Typer(help="What recommendations are worth.", no_args_is_help=True)


class Form(StrEnum):
    """How a report is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@cli.callback()
def attribution() -> None:
    """What recommendations are worth."""


@cli.command()
def report(
    dataset_group: Annotated[str, typer.Argument(metavar="DATASET_GROUP", help="Its name or ARN.")],
    *,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=EVENT_TYPE:EXPRESSION",
            help="Such as sales=purchase:SUM(Items.PRICE); repeatable. Default: those of the metric attribution.",
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    start: Annotated[
        datetime | None, typer.Option("--from", help=f"First moment, UTC; default: {DAYS} days before the end.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Moment after the last, UTC; default: now.")] = None,
    form: Annotated[Form, typer.Option("--format", help="What is printed.")] = Form.TABLE,
    picture: Annotated[Path | None, typer.Option(help="Draw value per user over the days, .png or .svg.")] = None,
    randomised: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARN=SHARE",
            help="A source that users were assigned to at random, and the share meant for it; repeatable. "
            "The first is what others are compared with.",
        ),
    ] = None,
) -> None:
    """Say what each source of a dataset group brought, over what was served; see docs/attribution-report.md."""
    measures = [_measure(text) for text in metric or []]
    shares = dict(_share(text) for text in randomised or [])
    if picture is not None and picture.suffix not in (".png", ".svg"):
        raise typer.BadParameter(f"{picture} must end in .png or .svg", param_hint="--picture")
    made = _made(data_dir, dataset_group, measures, shares, (start, end))
    if picture is not None:
        _draw(made, picture)
    _print(made, form)


@cli.command()
def check(
    dataset_group: Annotated[str, typer.Argument(metavar="DATASET_GROUP", help="Its name or ARN.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    start: Annotated[
        datetime | None, typer.Option("--from", help="First moment, UTC; default: the first whole window.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Moment after the last, UTC; default: now.")] = None,
) -> None:
    """List the windows in which published points are not what the events come to by the metrics of today."""
    from rich.console import Console

    from openpersonalize.attribution import formats

    Console().print(formats.differences_as_table(_differences(data_dir, dataset_group, (start, end))))


def _differences(data_dir: Path, group: str, between: tuple[datetime | None, datetime | None]) -> "list[Difference]":
    from openpersonalize import app
    from openpersonalize.attribution.backfill import check as compared
    from openpersonalize.attribution.events import WINDOW_SECONDS
    from openpersonalize.errors import ServiceError
    from openpersonalize.resources.attribution_inputs import inputs_of, measures_of, published_of

    parts = app.open_parts(settings.load(data_dir))
    try:
        context, arn = _of_group(parts.context, group)
        since, published = published_of(context, arn)
        first = between[0] or datetime.fromtimestamp(-(-since // WINDOW_SECONDS) * WINDOW_SECONDS, UTC)
        inputs = inputs_of(context, arn, measures_of(context, arn), {})
        return compared(inputs, _period(first, between[1], context.now()), published)
    except (ServiceError, ValueError) as fault:
        typer.echo(f"openpersonalize: {fault}", err=True)
        raise typer.Exit(1) from fault
    finally:
        parts.close()


def _measure(text: str) -> "Measure":
    from openpersonalize.attribution.measures import Measure
    from openpersonalize.expressions.faults import ExpressionError

    name, _, rest = text.partition("=")
    event_type, _, expression = rest.partition(":")
    if not (name and event_type and expression):
        raise typer.BadParameter(f"{text!r} is not of the form NAME=EVENT_TYPE:EXPRESSION", param_hint="--metric")
    try:
        return Measure.read(name, event_type, expression)
    except ExpressionError as fault:
        raise typer.BadParameter(f"{text!r}: {fault}", param_hint="--metric") from fault


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError as fault:
        raise typer.BadParameter(f"{text!r} is not of the form ARN=SHARE", param_hint="--randomised") from fault


def _made(
    data_dir: Path,
    group: str,
    measures: "list[Measure]",
    shares: dict[str, float],
    between: tuple[datetime | None, datetime | None],
) -> "Report":
    from openpersonalize import app
    from openpersonalize.attribution.report import make
    from openpersonalize.errors import ServiceError
    from openpersonalize.resources.attribution_inputs import inputs_of, measures_of

    parts = app.open_parts(settings.load(data_dir))
    try:
        context, arn = _of_group(parts.context, group)
        inputs = inputs_of(context, arn, measures or measures_of(context, arn), shares)
        return make(inputs, _period(*between, context.now()))
    except (ServiceError, ValueError) as fault:
        typer.echo(f"openpersonalize: {fault}", err=True)
        raise typer.Exit(1) from fault
    finally:
        parts.close()


def _of_group(context: "Context", group: str) -> "tuple[Context, str]":
    """The context of the account and region in which the group stands, and the group's ARN."""
    from dataclasses import replace

    from openpersonalize.arns import Arn

    if not group.startswith("arn:"):
        return context, context.arn("dataset-group", group)
    arn = Arn.expect(group, "dataset-group")
    return context.for_caller(replace(context.caller, account=arn.account, region=arn.region)), group


def _period(start: datetime | None, end: datetime | None, now: datetime) -> "Period":
    from openpersonalize.attribution.events import Period

    last = now if end is None else end.replace(tzinfo=UTC)
    first = last - timedelta(days=DAYS) if start is None else start.replace(tzinfo=UTC)
    return Period(int(first.timestamp()), int(last.timestamp()))


def _draw(made: "Report", file: Path) -> None:
    from openpersonalize.attribution import picture

    try:
        file.write_bytes(picture.draw(made, file.suffix.removeprefix(".")))
    except (picture.NoPicturesError, OSError) as fault:
        typer.echo(f"openpersonalize: {fault}", err=True)
        raise typer.Exit(1) from fault


def _print(made: "Report", form: Form) -> None:
    from openpersonalize.attribution import formats

    if form is Form.TABLE:
        from rich.console import Console

        Console().print(formats.as_table(made))
    else:
        typer.echo(formats.as_json(made) if form is Form.JSON else formats.as_csv(made), nl=form is Form.JSON)
