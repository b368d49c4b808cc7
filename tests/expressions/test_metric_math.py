from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.expressions import ExpressionError
from openpersonalize.expressions.metric_math import Scene, Series, Several, evaluate, parse

A = {0: 1.0, 60: 2.0, 180: 4.0}
B = {0: 10.0, 60: 0.0, 120: 5.0}
SCENE = Scene({"a": A, "b": B, "none": {}}, {"a": "clicks", "b": "views", "none": "x"}, range(0, 300, 60))


def series(text: str) -> Series:
    found = evaluate(parse(text), SCENE)
    assert not isinstance(found, Several)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("a + b", {0: 11.0, 60: 2.0}),
        ("a / b", {0: 0.1}),
        ("b / a", {0: 10.0, 60: 0.0}),
        ("2 * a - 1", {0: 1.0, 60: 3.0, 180: 7.0}),
        ("2 * (a - 1)", {0: 0.0, 60: 2.0, 180: 6.0}),
        ("-a - -1", {0: 0.0, 60: -1.0, 180: -3.0}),
        ("8 / 2 / a", {0: 4.0, 60: 2.0, 180: 1.0}),
        ("a / 0", {}),
        ("a * 1e308 * 10", {}),
        ("FILL(a, 0)", {0: 1.0, 60: 2.0, 120: 0.0, 180: 4.0, 240: 0.0}),
        ("FILL(a, REPEAT)", {0: 1.0, 60: 2.0, 120: 2.0, 180: 4.0, 240: 4.0}),
        ("fill(a, linear)", {0: 1.0, 60: 2.0, 120: 3.0, 180: 4.0}),
        ("FILL(none, REPEAT)", {}),
        ("a + 0 * SUM(b)", A),
        ("a / SUM(a)", {0: 1 / 7, 60: 2 / 7, 180: 4 / 7}),
        ("SUM([a, b])", {0: 11.0, 60: 2.0, 120: 5.0, 180: 4.0}),
        ("SUM(METRICS())", {0: 11.0, 60: 2.0, 120: 5.0, 180: 4.0}),
        ("SUM(METRICS('click'))", A),
        ('SUM(METRICS("b"))', B),
        ("MAX([a, b])", {0: 10.0, 60: 2.0, 120: 5.0, 180: 4.0}),
        ("a - AVG(b)", {0: -4.0, 60: -3.0, 180: -1.0}),
        ("a + SUM(none)", {}),
        ("TIME_SERIES(MIN(a) + 1)", dict.fromkeys(range(0, 300, 60), 2.0)),
        ("(((((a)))))", A),
        (" + ".join(["a"] * 600), {0: 600.0, 60: 1200.0, 180: 2400.0}),
    ],
)
def test_what_a_formula_comes_to(text: str, expected: Series) -> None:
    assert series(text) == expected


def test_arrays_stay_several_series() -> None:
    assert evaluate(parse("FILL(METRICS(), 0) * 2"), SCENE) == Several(
        {
            "a": {0: 2.0, 60: 4.0, 120: 0.0, 180: 8.0, 240: 0.0},
            "b": {0: 20.0, 60: 0.0, 120: 10.0, 180: 0.0, 240: 0.0},
            "none": dict.fromkeys(range(0, 300, 60), 0.0),
        }
    )
    assert evaluate(parse("[a, b + 1]"), SCENE) == Several({"1": A, "2": {0: 11.0, 60: 1.0, 120: 6.0}})


def test_the_ids_that_a_formula_uses_are_told() -> None:
    assert parse("FILL(m1, REPEAT) + SUM([m2, 3 * m3]) / METRICS('m4') - REPEAT").names == {"m1", "m2", "m3", "REPEAT"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Character 1: the text ends; expected"),
        ("a +", "Character 4: the text ends; expected '(', '-', '[', a name or a number"),
        ("a $ b", "Character 3: found '$'"),
        ("MEDIAN(a)", "Character 1: there is no function MEDIAN"),
        ("a + SUM(a, b)", "Character 5: SUM takes 1 arguments, 2 are given"),
        ("a + c", "Character 5: there is no query with the id c; there are a, b, none"),
        ("2 * SUM(a)", "Character 1: the result is a number"),
        ("METRICS() + [a]", "Character 11: two arrays of time series cannot be combined"),
        ("METRICS(a)", "Character 9: METRICS takes a quoted text"),
        ("FILL(a, b)", "Character 9: FILL takes a number, REPEAT or LINEAR"),
        ("FILL(1, 0)", "Character 1: FILL needs a time series"),
        ("SUM('a')", "Character 5: found 'a'; a text"),
        ("SUM(1)", "Character 1: SUM needs"),
        ("[[a], b]", "Character 2: a single time series"),
        ("TIME_SERIES(a)", "Character 1: TIME_SERIES needs a number"),
        ("(" * 40 + "a" + ")" * 40, "Character 33: at most 32 brackets"),
        ("--a", "Character 2: found '-'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as fault:
        evaluate(parse(text), SCENE)
    assert str(fault.value).startswith(message)


@given(st.text(alphabet="ab1.+-*/()[], 'FILSUMREPATCX", max_size=40))
def test_any_text_is_a_formula_or_an_error(text: str) -> None:
    with suppress(ExpressionError):
        evaluate(parse(text), SCENE)
