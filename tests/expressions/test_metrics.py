import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpersonalize import avro
from openpersonalize.expressions import ExpressionError
from openpersonalize.expressions.metrics import Metric, SampleCount, Sum, check, parse, write

columns = st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True)
metrics = st.just(SampleCount()) | st.builds(Sum, st.sampled_from(["INTERACTIONS", "ITEMS"]), columns)

SCHEMAS = {
    "ITEMS": avro.parse(
        json.dumps(
            {
                "type": "record",
                "name": "Items",
                "fields": [
                    {"name": "ITEM_ID", "type": "string"},
                    {"name": "PRICE", "type": ["null", "float"]},
                    {"name": "stock", "type": "int"},
                    {"name": "GENRES", "type": "string", "categorical": True},
                    {"name": "RARE", "type": "boolean"},
                ],
            }
        )
    )
}


@settings(deadline=None)  # the first text loads the parser
@given(metrics)
def test_what_is_written_reads_the_same(metric: Metric) -> None:
    assert parse(write(metric)) == metric


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("SUM(Items.PRICE)", Sum("ITEMS", "PRICE")),
        ("SUM(ITEMS.MARGIN)", Sum("ITEMS", "MARGIN")),
        (" sum ( interactions . event_value ) ", Sum("INTERACTIONS", "EVENT_VALUE")),
        ("SampleCount( )", SampleCount()),
    ],
)
def test_case_and_blanks_are_free(text: str, metric: Metric) -> None:
    assert parse(text) == metric


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Character 1: the text ends; expected a name"),
        ("AVG(Items.PRICE)", "Character 1: there is no function AVG; use SUM or SAMPLECOUNT"),
        ("SUM(Users.AGE)", "Character 5: SUM cannot read Users; use Interactions or Items"),
        ("SUM()", "Character 1: SUM needs a column, as in SUM(Items.PRICE)"),
        ("SAMPLECOUNT(Items.PRICE)", "Character 13: SAMPLECOUNT takes nothing; write SAMPLECOUNT()"),
        ("SAMPLECOUNT", "Character 12: the text ends; expected '('"),
        ("SUM(Items.PRICE", "Character 16: the text ends; expected ')'"),
        ("SUM(SUM(Items.PRICE))", "Character 8: found '('; expected '.'"),
        ("SUM(Items.PRICE * 2)", "Character 17: found '*'; expected ')'"),
        ("SUM(Items.PRICE) / SAMPLECOUNT()", "Character 18: found '/'; expected the end"),
        ("SUM(PRICE)", "Character 10: found ')'; expected '.'"),
        ("SUM(Items.2ND)", "Character 11: found '2'; expected a name"),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as told:
        parse(text)
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SUM(Interactions.EVENT_VALUE)", "Character 5: the dataset group has no Interactions dataset"),
        ("SUM(Items.PRIZE)", "Character 5: Items has no column PRIZE; did you mean PRICE?"),
        ("SUM(Items.X)", "Character 5: Items has no column X; there are PRICE, STOCK"),
        ("SUM(Items.GENRES)", "Character 5: Items.GENRES is of type string; SUM needs int, long, float or double"),
        ("SUM(Items.RARE)", "Character 5: Items.RARE is of type boolean; SUM needs int, long, float or double"),
    ],
)
def test_a_sum_needs_a_number_that_is_there(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as told:
        check(parse(text), SCHEMAS)
    assert str(told.value) == message


def test_a_checked_sum_gives_the_column_as_its_schema_spells_it() -> None:
    assert check(parse("SUM(Items.Stock)"), SCHEMAS) == SCHEMAS["ITEMS"].by_name["stock"]
    assert check(parse("SUM(Items.PRICE)"), SCHEMAS) == SCHEMAS["ITEMS"].by_name["PRICE"]
    assert check(parse("SAMPLECOUNT()"), {}) is None
