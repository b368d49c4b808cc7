import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpersonalize.expressions import ExpressionError
from openpersonalize.expressions.filter_grammar import parse
from openpersonalize.expressions.filters import (
    PLACEHOLDER,
    Comparison,
    CurrentItem,
    Expression,
    Filter,
    Membership,
    Number,
    Placeholder,
    Property,
    Text,
    write,
)

columns = st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True) | st.sampled_from(["IN", "IF", "AND", "NOT", "WHERE"])
names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=50)
texts = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'"))
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"')).filter(lambda text: "'" not in text)
    | names.map(lambda name: f"${name}")
).map(Text)
numbers = (st.integers() | st.floats(allow_nan=False, allow_infinity=False)).map(Number)
elements = st.one_of(texts, numbers, st.builds(Placeholder, names))
properties = st.builds(
    Property, st.sampled_from(["ITEMS", "USERS", "INTERACTIONS", "ACTIONS", "ACTION_INTERACTIONS"]), columns
)
seeds = st.builds(CurrentItem, columns)
lists = st.lists(elements, min_size=1, max_size=4).map(tuple)
conditions = st.builds(Membership, properties, st.booleans(), lists | seeds) | st.builds(
    Comparison, properties, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), elements | seeds
)
guards = st.builds(Comparison, st.builds(Property, st.just("CURRENT_USER"), columns), st.just("="), elements)
expressions = st.builds(
    Expression,
    st.sampled_from(["INCLUDE", "EXCLUDE"]),
    st.sampled_from(["ItemID", "UserID", "ActionID"]),
    st.lists(st.lists(conditions, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
    st.lists(guards, max_size=2).map(tuple),
)
filters = st.lists(expressions, min_size=1, max_size=3).map(lambda found: Filter(tuple(found)))


@settings(deadline=None)  # the first text loads the parser
@given(filters)
def test_what_is_written_reads_the_same(tree: Filter) -> None:
    assert parse(write(tree)) == tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (
            "exclude UserId\n where users.country in ('de',\"at\")",
            'EXCLUDE UserID WHERE Users.COUNTRY IN ("de", "at")',
        ),
        ('INCLUDE ItemID WHERE Item.a NOT_IN("x")', 'INCLUDE ItemID WHERE Items.A NOT IN ("x")'),
        ("INCLUDE ItemID WHERE Items.P>=(-3.50)", "INCLUDE ItemID WHERE Items.P >= -3.5"),
        ('INCLUDE ItemID WHERE Items.A IN ("$VALUE")', "INCLUDE ItemID WHERE Items.A IN ($VALUE)"),
        ("INCLUDE ItemID WHERE Items.A IN ('$VALUE')", "INCLUDE ItemID WHERE Items.A IN ('$VALUE')"),
        (
            "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (*)",
            'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
        ),
        ('INCLUDE ItemID WHERE Items.A IN ("click, rating")', 'INCLUDE ItemID WHERE Items.A IN ("click, rating")'),
    ],
)
def test_one_meaning_has_one_canonical_text(text: str, canonical: str) -> None:
    assert write(parse(text)) == canonical


def test_and_binds_tighter_than_or() -> None:
    (expression,) = parse("INCLUDE ItemID WHERE Items.A=1 OR Items.B=2 AND Items.C=3 OR Items.D=4").expressions
    columns = [[condition.property.column for condition in together] for together in expression.alternatives]
    assert columns == [["A"], ["B", "C"], ["D"]]


def test_a_filter_knows_its_parameters_and_its_fields() -> None:
    tree = parse(
        "INCLUDE ItemID WHERE Items.A IN ($X) AND Items.P < CurrentItem.Q | "
        "EXCLUDE ItemID WHERE Items.A IN ($Y) IF CurrentUser.AGE < $Z"
    )
    assert tree.placeholders == {"X", "Y", "Z"}
    assert tree.fields == {("ITEMS", "A"), ("ITEMS", "P"), ("ITEMS", "Q"), ("USERS", "AGE")}
    assert tree.reads_current_item
    assert tree.reads("CURRENT_USER")
    assert not tree.reads("INTERACTIONS")


START = "INCLUDE ItemID WHERE "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Character 1: the text ends; expected INCLUDE or EXCLUDE"),
        ("KEEP ItemID", "Character 1: found 'KEEP'; expected INCLUDE or EXCLUDE"),
        ("INCLUDE Item WHERE", "Character 9: found 'Item'; expected ItemID, UserID or ActionID"),
        (START, "Character 22: the text ends; expected a name"),
        (START + "(Items.A = 1)", "Character 22: found '('; expected a name"),
        (START + "Items.A LIKE 1", "Character 30: found 'LIKE'; expected IN, NOT IN or a comparison"),
        (START + "Items.A IN drama", "Character 33: found 'drama'; expected ( or CurrentItem"),
        (
            START + "Items.A IN (drama)",
            "Character 34: found 'drama'; expected *, a $parameter, a number or a text in quotes",
        ),
        (START + 'Items.A IN ("drama', 'Character 34: the text that begins here has no closing "'),
        (START + 'Items.A IN ("x" "y")', "Character 38: found '\"y\"'; expected ) or a comma"),
        (
            START + 'Itemz.A IN ("x")',
            "Character 22: there is no dataset Itemz; did you mean Items?",
        ),
        (
            START + "Items.A=1 IF CurrentUser.A>1 OR CurrentUser.B=1",
            "Character 51: found 'OR'; expected AND, the end or |",
        ),
        (
            START + "Items.A=1 IF CurrentUser.A>1 IF CurrentUser.B=1",
            "Character 51: found 'IF'; expected AND, the end or |",
        ),
        (
            START + "Items.A=$" + "x" * 51,
            f"Character 30: ${'x' * 51} has 51; a parameter's name has at most 50 characters",
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as told:
        parse(text)
    assert str(told.value) == message


def test_a_text_like_a_parameter_is_written_between_single_quotes() -> None:
    assert PLACEHOLDER.fullmatch("$X")
    assert str(Text("$X")) == "'$X'"
