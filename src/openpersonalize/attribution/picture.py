"""A report as a picture: value per user over the days, with both intervals. Needs matplotlib, the extra `report`."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from openpersonalize.attribution.estimates import Interval
from openpersonalize.attribution.report import Day, Report, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 8
"""Sources in one picture; those with the most events."""

FORMATS = ("png", "svg")


class NoPicturesError(RuntimeError):
    """matplotlib is not installed."""

    def __init__(self) -> None:
        super().__init__('A picture needs matplotlib: pip install "openpersonalize[report]".')


def draw(report: Report, form: str) -> bytes:
    """The picture in one of FORMATS, one panel per metric; the same report gives the same bytes."""
    if form not in FORMATS:
        raise ValueError(f"picture: {form} is not a format; use one of {', '.join(FORMATS)}.")
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as fault:
        raise NoPicturesError from fault
    with mpl.rc_context({"svg.hashsalt": "openpersonalize", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 3.2 * len(report.metrics) + 0.6), layout="constrained")
        FigureCanvasAgg(figure)
        _fill(figure, report)
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=120, metadata={"Date": None} if form == "svg" else {"Software": None})
    return file.getvalue()


def _fill(figure: "Figure", report: Report) -> None:
    panels = figure.subplots(len(report.metrics), 1, squeeze=False)[:, 0]
    for panel, metric in zip(panels, report.metrics, strict=True):
        results = [result for result in report.results if result.metric == metric.name and result.events]
        shown = sorted(results, key=lambda result: -result.events)[:MOST_LINES]
        for place, result in enumerate(shown):
            _line(panel, result, f"C{place}")
        left_out = f", {len(shown)} of {len(results)} sources" if len(shown) < len(results) else ""
        panel.set_title(f"{metric.name}: {metric.expression} of {metric.event_type}{left_out}", loc="left", fontsize=10)
        panel.set_ylabel("per user, until that day")
        panel.tick_params(axis="x", labelrotation=30, labelsize=8)
        if shown:
            panel.legend(fontsize=8)
        else:
            panel.text(0.5, 0.5, "no events", transform=panel.transAxes, ha="center", fontsize=9)
    figure.supxlabel("dark: 95 % for one look; light: 95 % for all looks together", fontsize=8)


def _line(panel: "Axes", result: Result, colour: str) -> None:
    days = [day for day in result.days if day.per_user.value is not None]
    values = [day.per_user.value or 0.0 for day in days]
    name = result.source.rsplit(":", 1)[-1]
    panel.plot([day.day.isoformat() for day in days], values, color=colour, label=name, linewidth=1.5)
    _band(panel, [(day, day.per_user.fixed) for day in days], colour, alpha=0.30)
    _band(panel, [(day, day.per_user.anytime) for day in days], colour, alpha=0.12)


def _band(panel: "Axes", bounds: Sequence[tuple[Day, Interval | None]], colour: str, *, alpha: float) -> None:
    known = [(day.day.isoformat(), ends.low, ends.high) for day, ends in bounds if ends is not None]
    if known:
        days, low, high = zip(*known, strict=True)
        panel.fill_between(days, low, high, color=colour, alpha=alpha, linewidth=0)
