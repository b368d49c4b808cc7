"""Metric math: arithmetic over time series, as CloudWatch's GetMetricData takes it.

    clicks / FILL(views, 0)      100 * SUM([a, b]) / SUM(METRICS())      m1 - TIME_SERIES(AVG(m1))

The operators + - * / and parentheses, over metrics by their id and over numbers; SUM, AVG, MIN and MAX, which make a
number of one series and one series of several; FILL, TIME_SERIES and METRICS. Two series meet at the times that both
have. A quotient by zero is no point. Source:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from openpersonalize.expressions.faults import ExpressionError, hint
from openpersonalize.expressions.syntax import Part, Phrase, Syntax, Word

Series: TypeAlias = Mapping[int, float]
"""Values by time, in epoch seconds."""

GRAMMAR = r"""
start: sum
?sum: product ((PLUS | MINUS) product)*
?product: factor ((STAR | SLASH) factor)*
?factor: negative | _atom
negative: MINUS _atom
_atom: NUMBER | NAME | call | several | "(" sum ")"
call: NAME "(" (argument ("," argument)*)? ")"
?argument: sum | TEXT
several: BRACKET sum ("," sum)* "]"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
BRACKET: "["
NUMBER: /[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?|\.[0-9]+/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
TEXT: /"[^"]*"|'[^']*'/
%ignore /\s+/
"""
_WORDS = {
    "PLUS": "'+'",
    "MINUS": "'-'",
    "STAR": "'*'",
    "SLASH": "'/'",
    "BRACKET": "'['",
    "RSQB": "']'",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "NUMBER": "a number",
    "NAME": "a name",
    "TEXT": "a quoted text",
}
_SYNTAX = Syntax(GRAMMAR, _WORDS)
_MOST_LEVELS = 32


@dataclass(frozen=True)
class Several:
    """An array of time series by the id of the query, or the place in brackets, that each comes from."""

    series: Mapping[str, Series]


Value: TypeAlias = float | Series | Several


@dataclass(frozen=True)
class Formula:
    """A metric math expression, read and not yet computed."""

    root: Part

    @property
    def names(self) -> frozenset[str]:
        """The ids that it uses."""
        return frozenset(_names(self.root))


@dataclass(frozen=True)
class Scene:
    """What a formula is computed from.

    `known` are the values of ids; `metrics` are the ids that METRICS() means, with the label it searches; `times` are
    the periods of the request, in epoch seconds, which FILL and TIME_SERIES fill.
    """

    known: Mapping[str, Value]
    metrics: Mapping[str, str]
    times: Sequence[int]


def parse(text: str) -> Formula:
    """Read an expression; raises ExpressionError that tells the place, what stands there and the rule.

    >>> sorted(parse("m1 / FILL(m2, 0)").names)
    ['m1', 'm2']
    >>> parse("m1 + MEDIAN(m2)")
    Traceback (most recent call last):
    openpersonalize.expressions.faults.ExpressionError: Character 6: there is no function MEDIAN; did you mean MIN?
    """
    _limit_nesting(text)
    root = _SYNTAX.read(text).parts[0]
    _check(root)
    return Formula(root)


def evaluate(formula: Formula, scene: Scene) -> Series | Several:
    """What a formula comes to; raises ExpressionError where its parts do not go together, or it is a mere number."""
    value = _value(formula.root, scene)
    if isinstance(value, float):
        raise ExpressionError(1, "the result is a number; an expression must give a time series, as TIME_SERIES does")
    return value


Number: TypeAlias = Callable[[float, float], float]

_OPERATORS: Mapping[str, Number] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.nan,
}
_OVER: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
_ARGUMENTS = {**dict.fromkeys(_OVER, (1, 1)), "FILL": (2, 2), "TIME_SERIES": (1, 1), "METRICS": (0, 1)}
_FILLINGS = ("REPEAT", "LINEAR")


def _limit_nesting(text: str) -> None:
    level = 0
    for place, character in enumerate(text, start=1):
        level += (character in "([") - (character in ")]")
        if level > _MOST_LEVELS:
            raise ExpressionError(place, f"at most {_MOST_LEVELS} brackets may stand in each other")


def _check(part: Part) -> None:
    """Functions are there, and take as much as they are given."""
    if isinstance(part, Word):
        return
    if part.rule == "call":
        function, arguments = part.words[0], part.parts[1:]
        allowed = _ARGUMENTS.get(function.text.upper())
        if allowed is None:
            offered = hint(function.text, _ARGUMENTS)
            raise ExpressionError(function.position, f"there is no function {function.text}{offered}")
        if not allowed[0] <= len(arguments) <= allowed[1]:
            wanted = " or ".join(str(number) for number in sorted(set(allowed)))
            raise ExpressionError(
                function.position, f"{function.text} takes {wanted} arguments, {len(arguments)} are given"
            )
    for below in part.parts:
        _check(below)


def _is_filling(part: Part) -> bool:
    return isinstance(part, Word) and part.kind == "NAME" and part.text.upper() in _FILLINGS


def _names(part: Part) -> Iterator[str]:
    if isinstance(part, Word):
        if part.kind == "NAME":
            yield part.text
        return
    skipped = 0
    if part.rule == "call":
        function = part.words[0].text.upper()
        skipped = 1
        if function == "FILL" and _is_filling(part.parts[2]):
            part = Phrase(part.rule, part.parts[:2])
    for below in part.parts[skipped:]:
        yield from _names(below)


def _value(part: Part, scene: Scene) -> Value:
    if isinstance(part, Word):
        return _word(part, scene)
    if part.rule == "negative":
        return _combined(operator.mul, -1.0, _value(part.parts[1], scene), part.position)
    if part.rule == "several":
        return Several({str(place): _series(below, scene) for place, below in enumerate(part.parts[1:], start=1)})
    if part.rule == "call":
        return _FUNCTIONS[part.words[0].text.upper()](part, scene)
    value = _value(part.parts[0], scene)
    for sign, below in zip(part.parts[1::2], part.parts[2::2], strict=True):  # flat: a long sum is no deep one
        value = _combined(_OPERATORS[_text(sign)], value, _value(below, scene), sign.position)
    return value


def _text(part: Part) -> str:
    return part.text if isinstance(part, Word) else ""


def _word(word: Word, scene: Scene) -> Value:
    if word.kind == "NUMBER":
        return float(word.text)
    if word.kind == "TEXT":
        raise ExpressionError(word.position, f"found {word.text}; a text can only be what METRICS searches for")
    if word.text not in scene.known:
        raise ExpressionError(word.position, f"there is no query with the id {word.text}{hint(word.text, scene.known)}")
    return scene.known[word.text]


def _series(part: Part, scene: Scene) -> Series:
    value = _value(part, scene)
    if isinstance(value, (float, Several)):
        raise ExpressionError(part.position, "a single time series must stand here")
    return value


def _combined(operation: Number, left: Value, right: Value, position: int) -> Value:
    if isinstance(left, Several) and isinstance(right, Several):
        raise ExpressionError(position, "two arrays of time series cannot be combined; SUM one of them")
    if isinstance(left, Several):
        return Several({name: _points(operation, series, _single(right)) for name, series in left.series.items()})
    if isinstance(right, Several):
        return Several({name: _points(operation, _single(left), series) for name, series in right.series.items()})
    if isinstance(left, float) and isinstance(right, float):
        return operation(left, right)
    return _points(operation, left, right)


def _single(value: Value) -> float | Series:
    if isinstance(value, Several):
        raise TypeError("an array where a series was expected")
    return value


def _points(operation: Number, left: float | Series, right: float | Series) -> Series:
    """Both sides time by time; what is not a finite number is no point."""
    if isinstance(left, float):
        made = {} if isinstance(right, float) else {time: operation(left, value) for time, value in right.items()}
    elif isinstance(right, float):
        made = {time: operation(value, right) for time, value in left.items()}
    else:
        made = {time: operation(value, right[time]) for time, value in left.items() if time in right}
    return {time: value for time, value in made.items() if math.isfinite(value)}


def _over(call: Phrase, scene: Scene) -> Value:
    """SUM and its kind: of one series a number, of several the series of their values at each time."""
    together = _OVER[call.words[0].text.upper()]
    value = _value(call.parts[1], scene)
    if isinstance(value, float):
        raise ExpressionError(call.position, f"{call.words[0].text} needs a time series or several, not a number")
    if isinstance(value, Several):
        gathered: dict[int, list[float]] = {}
        for series in value.series.values():
            for time, given in series.items():
                gathered.setdefault(time, []).append(given)
        return {time: together(values) for time, values in sorted(gathered.items())}
    return together(list(value.values())) if value else math.nan


def _fill(call: Phrase, scene: Scene) -> Value:
    value, filling = _value(call.parts[1], scene), call.parts[2]
    if isinstance(value, float):
        raise ExpressionError(call.position, "FILL needs a time series or several, not a number")
    with_what: float | str
    if _is_filling(filling) and isinstance(filling, Word):
        with_what = filling.text.upper()
    else:
        number = _value(filling, scene)
        if not isinstance(number, float):
            raise ExpressionError(filling.position, "FILL takes a number, REPEAT or LINEAR to fill with")
        with_what = number
    if isinstance(value, Several):
        return Several({name: _filled(series, with_what, scene.times) for name, series in value.series.items()})
    return _filled(value, with_what, scene.times)


def _filled(series: Series, filling: float | str, times: Sequence[int]) -> Series:
    """The series with a value at each time; before a first and after a last value only a number can fill."""
    known = sorted(series)
    made = dict(series)
    for time in times:
        if time in series:
            continue
        place = bisect_left(known, time)
        before, after = known[place - 1] if place else None, known[place] if place < len(known) else None
        if isinstance(filling, float):
            made[time] = filling
        elif before is not None and filling == "REPEAT":
            made[time] = series[before]
        elif before is not None and after is not None:
            share = (time - before) / (after - before)
            made[time] = series[before] + share * (series[after] - series[before])
    return dict(sorted(made.items()))


def _time_series(call: Phrase, scene: Scene) -> Value:
    value = _value(call.parts[1], scene)
    if not isinstance(value, float):
        raise ExpressionError(call.position, "TIME_SERIES needs a number")
    return {} if math.isnan(value) else dict.fromkeys(scene.times, value)


def _metrics(call: Phrase, scene: Scene) -> Value:
    """All metrics of the request, or those whose id or label holds a text."""
    searched = call.parts[1] if len(call.parts) > 1 else Word("TEXT", "''", call.position)
    if not isinstance(searched, Word) or searched.kind != "TEXT":
        raise ExpressionError(searched.position, 'METRICS takes a quoted text, as in METRICS("clicks")')
    text = searched.text[1:-1]
    found = {name: scene.known[name] for name, label in scene.metrics.items() if text in name or text in label}
    return Several({name: series for name, series in found.items() if not isinstance(series, (float, Several))})


_FUNCTIONS: Mapping[str, Callable[[Phrase, Scene], Value]] = {
    **dict.fromkeys(_OVER, _over),
    "FILL": _fill,
    "TIME_SERIES": _time_series,
    "METRICS": _metrics,
}
