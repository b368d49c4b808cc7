"""A report as JSON, CSV and a table for the terminal."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from openpersonalize.attribution.backfill import Difference
from openpersonalize.attribution.comparisons import WITHHELD
from openpersonalize.attribution.estimates import Estimate, Interval
from openpersonalize.attribution.report import Report

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_CSV = (
    "METRIC", "EVENT_TYPE", "EXPRESSION", "SOURCE", "ASSIGNMENT", "DAY", "VALUE", "EVENTS", "LISTS", "ITEMS_SHOWN",
    "PER_USER", "FIXED_LOW", "FIXED_HIGH", "ANYTIME_LOW", "ANYTIME_HIGH", "USERS", "MISSING",
)  # fmt: skip


INTERVALS = ("fixed 95 %", "anytime 95 %")
_SOURCE_WIDTH = 24
"""A longer source is folded in a table."""


def as_json(report: Report) -> str:
    """The whole tree; exact values as decimal text, times in ISO 8601."""
    return orjson.dumps(asdict(report), default=_plain, option=orjson.OPT_INDENT_2).decode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return decimal(value)
    raise TypeError(f"{value!r} has no JSON form.")


def decimal(value: Decimal) -> str:
    """Without trailing zeros and exponents.

    >>> decimal(Decimal("348.500000")), decimal(Decimal("1E+3")), decimal(Decimal("0.000000"))
    ('348.5', '1000', '0')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_csv(report: Report) -> str:
    """A row per metric, source and day, then one without a day for the whole period.

    PER_USER and its intervals are of all days until then. Texts that a spreadsheet would take for a formula are led by
    an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV)
    metrics = {metric.name: metric for metric in report.metrics}
    sources = {source.name: source for source in report.sources}
    for result in report.results:
        metric, source = metrics[result.metric], sources[result.source]
        served = {day.day: (day.lists, day.items_shown) for day in source.days}
        lead = [metric.name, metric.event_type, metric.expression, source.name, source.assignment]
        days: list[tuple[date | str, Decimal, int, tuple[int, int], Estimate]] = [
            (day.day, day.value, day.events, served.get(day.day, (0, 0)), day.per_user) for day in result.days
        ]
        total = ("", result.value, result.events, (source.lists, source.items_shown), result.per_user)
        for day, value, count, lists, estimate in [*days, total]:
            cells = [str(day), decimal(value), count, *lists, *_cells(estimate)]
            writer.writerow([*map(_harmless, lead), *cells])
    return text.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _cells(estimate: Estimate) -> list[Any]:
    ends = [end for bounds in (estimate.fixed, estimate.anytime) for end in (_ends(bounds) if bounds else ("", ""))]
    return ["" if estimate.value is None else estimate.value, *ends, estimate.users, estimate.missing or ""]


def _ends(bounds: Interval) -> tuple[float, float]:
    return bounds.low, bounds.high


def as_table(report: Report) -> "Group":
    """What `rich` prints: a table per metric, one of what was served, and what is to be known about the events."""
    from rich.console import Group

    names = _short_names(source.name for source in report.sources)
    parts = [_results(report, metric.name, names) for metric in report.metrics]
    if report.comparisons:
        parts.append(_comparisons(report, names))
    return Group(*parts, _sources(report, names), *_notes(report))


def _short_names(names: Iterable[str]) -> dict[str, str]:
    """ARNs by what stands behind account and region, where no two become the same: a terminal has few columns.

    >>> _short_names(["arn:aws:personalize:us-east-1:000000000000:campaign/home", "MAIL"])
    {'arn:aws:personalize:us-east-1:000000000000:campaign/home': 'campaign/home', 'MAIL': 'MAIL'}
    """
    short = {name: name.split(":", 5)[-1] if name.startswith("arn:") else name for name in names}
    counts = Counter(short.values())
    return {name: own if counts[own] == 1 else name for name, own in short.items()}


def _results(report: Report, name: str, names: Mapping[str, str]) -> "Table":
    metric = next(metric for metric in report.metrics if metric.name == name)
    found = [result for result in report.results if result.metric == name]
    bounded = any(result.per_user.fixed or result.per_user.anytime for result in found)
    columns = ("source", "total", "events", "per list", "per user", *(INTERVALS if bounded else ()), "")
    table = _table(f"{name}: {metric.expression} of {metric.event_type}", columns)
    assigned = {source.name: source.assignment for source in report.sources}
    for result in found:
        per_user, per_list = result.per_user, result.per_list
        table.add_row(
            names[result.source],
            decimal(result.value),
            f"{result.events:,}",
            _number(per_list.value) if per_list else "",
            _number(per_user.value),
            *(_intervals(per_user) if bounded else ()),
            per_user.missing or assigned[result.source],
        )
    return table


def _comparisons(report: Report, names: Mapping[str, str]) -> "Table":
    columns = ("metric", "source", "against", "more per user", *INTERVALS, "verdict")
    table = _table("Sources that users were assigned to at random", columns)
    for found in report.comparisons:
        words = f"{found.verdict}: {found.reason}" if found.verdict == WITHHELD else found.reason or found.verdict
        numbers = (_number(found.difference.value), *_intervals(found.difference))
        source, reference = (names.get(name, name) for name in (found.source, found.reference))
        table.add_row(found.metric, source, reference, *numbers, words)
    return table


def _sources(report: Report, names: Mapping[str, str]) -> "Table":
    table = _table("Served", ("source", "lists", "items shown", "users", "", "promoted", "explored"))
    for source in report.sources:
        shares = ("" if share is None else f"{share:.1%}" for share in (source.promoted, source.explored))
        counts = (f"{number:,}" for number in (source.lists, source.items_shown, source.users))
        table.add_row(names[source.name], *counts, source.users_are, *shares)
    return table


def _notes(report: Report) -> list[str]:
    counts = report.counts
    period = f"{report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC."
    late = f"{counts.late:,} of them arrived more than 15 minutes late and {counts.stale:,} more than 14 days"
    undefined = f"{counts.no_source_given:,} gave none, {counts.unknown_ids:,} an id that is unknown or expired"
    return [
        f"{period} {counts.events:,} events count, {late}; {counts.duplicates:,} that came twice do not count.",
        f"Without a user: {counts.without_user:,}. Without a source: {undefined}.",
        "Observed sources were not drawn at random: that one brings more does not say that it is the cause.",
    ]


def differences_as_json(found: list[Difference]) -> str:
    """A list; exact values as decimal text, null where a side has none."""
    return orjson.dumps([asdict(row) for row in found], default=_plain, option=orjson.OPT_INDENT_2).decode()


def differences_as_csv(found: list[Difference]) -> str:
    """A row per window, source and metric; a value that a side has not is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("WINDOW", "SOURCE", "METRIC", "PUBLISHED", "RECOMPUTED"))
    for row in found:
        values = ("" if value is None else decimal(value) for value in (row.published, row.recomputed))
        writer.writerow([row.window.isoformat(), _harmless(row.source), _harmless(row.metric), *values])
    return text.getvalue()


def differences_as_table(found: list[Difference]) -> "Table":
    """Windows whose published value is not what the events come to now."""
    columns = ("window", "source", "metric", "published", "recomputed")
    table = _table(f"{len(found):,} windows differ from what was published", columns)
    for row in found:
        values = ("" if value is None else decimal(value) for value in (row.published, row.recomputed))
        table.add_row(f"{row.window:%Y-%m-%d %H:%M}", row.source, row.metric, *values)
    return table


def _table(title: str, columns: tuple[str, ...]) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        words = column in ("", "source", "metric", "against", "verdict", "window")
        width = _SOURCE_WIDTH if column == "source" else None
        table.add_column(column, justify="left" if words else "right", overflow="fold", max_width=width)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _intervals(estimate: Estimate) -> tuple[str, str]:
    fixed, anytime = (
        f"{bounds.low:.4g} to {bounds.high:.4g}" if bounds else "" for bounds in (estimate.fixed, estimate.anytime)
    )
    return fixed, anytime
