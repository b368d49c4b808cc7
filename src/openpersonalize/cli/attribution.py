"""`openpersonalize attribution`: what recommendations are worth, from the events as they are kept.

`report` says what each source brought; `check` where published points are not what the events come to today.
"""

from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openpersonalize import settings
from openpersonalize.cli.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
            metavar="NAME[=EVENT_TYPE:EXPRESSION]",
            help="One of the metric attribution by its name, or any other, such as "
            "sales=purchase:SUM(Items.PRICE); repeatable. Default: all of the metric attribution.",
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
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    start: Annotated[
        datetime | None,
        typer.Option("--from", help="First moment, UTC; default: the first window after the attribution was made."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", help="Moment after the last, UTC; default: the end of the last window that is over."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="What is printed.")] = Form.TABLE,
) -> None:
    """List the windows in which published points are not what the events come to by the metrics of today."""
    from rich.console import Console

    from openpersonalize.attribution import formats

    found = _differences(data_dir, dataset_group, (start, end))
    if form is Form.TABLE:
        Console().print(formats.differences_as_table(found))
    elif form is Form.JSON:
        typer.echo(formats.differences_as_json(found))
    else:
        typer.echo(formats.differences_as_csv(found), nl=False)


def _differences(data_dir: Path, group: str, between: tuple[datetime | None, datetime | None]) -> "list[Difference]":
    from openpersonalize.attribution.backfill import check as compared
    from openpersonalize.resources.attribution_inputs import inputs_of, measures_of, published_of

    with _opened(data_dir, group) as (context, arn):
        published = published_of(context, arn)
        period = _windows(between, published.since, context.now())
        inputs = inputs_of(context, arn, measures_of(context, arn, ()), {})
        return compared(inputs, period, published.points, named=published.named)


def _windows(between: tuple[datetime | None, datetime | None], since: int, now: datetime) -> "Period":
    """From the first whole window until the last that is over: one that is open gets events while it is checked."""
    from openpersonalize.attribution.events import WINDOW_SECONDS, Period

    first = -(-since // WINDOW_SECONDS) * WINDOW_SECONDS if between[0] is None else _seconds(between[0])
    last = int(now.timestamp()) // WINDOW_SECONDS * WINDOW_SECONDS if between[1] is None else _seconds(between[1])
    if between == (None, None) and first >= last:
        made = datetime.fromtimestamp(since, UTC)
        raise ValueError(f"The attribution was made at {made:%Y-%m-%d %H:%M} UTC; no window of 15 minutes is over yet.")
    return Period(first, last)


def _measure(text: str) -> "Measure | str":
    """A metric, or the name of one of the attribution."""
    from openpersonalize.attribution.measures import Measure
    from openpersonalize.expressions.faults import ExpressionError

    name, is_whole, rest = text.partition("=")
    if name and not is_whole:
        return name
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
    wanted: "Sequence[Measure | str]",
    shares: dict[str, float],
    between: tuple[datetime | None, datetime | None],
) -> "Report":
    from openpersonalize.attribution.report import make
    from openpersonalize.resources.attribution_inputs import inputs_of, measures_of

    with _opened(data_dir, group) as (context, arn):
        inputs = inputs_of(context, arn, measures_of(context, arn, wanted), shares)
        return make(inputs, _period(*between, context.now()))


@contextmanager
def _opened(data_dir: Path, group: str) -> "Iterator[tuple[Context, str]]":
    """The context for a group, and the group's ARN; faults of the caller's end the command with their text."""
    from openpersonalize import app
    from openpersonalize.errors import ServiceError

    parts = app.open_parts(settings.load(data_dir))
    try:
        yield _of_group(parts.context, group)
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

    last = int(now.timestamp()) if end is None else _seconds(end)
    return Period(last - DAYS * 86400 if start is None else _seconds(start), last)


def _seconds(given: datetime) -> int:
    """A time of the command line, which is meant in UTC, in epoch seconds."""
    return int(given.replace(tzinfo=UTC).timestamp())


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
