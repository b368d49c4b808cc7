"""The CSV report of one import: `AggregatedAttributionMetrics-<FULL|INCREMENTAL>-<epoch seconds>.csv`.

Source: https://docs.aws.amazon.com/personalize/latest/dg/metrics-s3.html
"""

import csv
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import count

from openpersonalize.attribution.counting import Value
from openpersonalize.expressions.metrics import SampleCount

HEADER = ("METRIC_NAME", "EVENT_TYPE", "VALUE", "MATH_FUNCTION", "EVENT_ATTRIBUTION_SOURCE", "TIMESTAMP")


def names(import_mode: str, now: int) -> Iterator[str]:
    """Names for a report, the first by the time it was made, then those of the seconds after it."""
    return (f"AggregatedAttributionMetrics-{import_mode}-{second}.csv" for second in count(now))


def text(values: Iterable[Value]) -> str:
    """The report: newest window first, then by metric, then by source ignoring case.

    The header stands alone when there are no values.
    """
    file = io.StringIO()
    rows = [_row(value) for value in values]
    rows.sort(key=lambda row: (-int(row[5]), row[0], row[4].lower(), row[4]))
    csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    return file.getvalue()


def _row(value: Value) -> tuple[str, str, str, str, str, str]:
    function = "samplecount" if isinstance(value.measure.expression, SampleCount) else "sum"
    return (
        value.measure.name.upper(),
        value.measure.event_type.upper(),
        decimal_text(value.value),
        function,
        value.source,
        str(value.start),
    )


def decimal_text(value: Decimal) -> str:
    """A number with at least one decimal and never an exponent.

    >>> decimal_text(Decimal("12")), decimal_text(Decimal("348.500000"))
    ('12.0', '348.5')
    """
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
