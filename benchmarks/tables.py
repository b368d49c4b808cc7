"""Rows of numbers as a Markdown table."""

from collections.abc import Mapping, Sequence


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """A table whose columns are the keys of the first row; floats with up to four decimals.

    >>> print(markdown([{"what": "rows/s", "value": 1200000.0}]))
    | what | value |
    |---|---|
    | rows/s | 1,200,000 |
    """
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row.get(name, '')) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
