import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize import avro
from openpersonalize.avro import Column, Schema
from openpersonalize.errors import InvalidInputException

USER = {"name": "USER_ID", "type": "string"}
ITEM = {"name": "ITEM_ID", "type": "string"}
TIME = {"name": "TIMESTAMP", "type": "long"}
EVENT = {"name": "EVENT_TYPE", "type": "string"}


def field(name: str, kind: Any = "string", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **attributes}


def text(name: str, *fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": name, "namespace": "x", "fields": fields, "version": "1.0"})


def parse(name: str, *fields: dict[str, Any], domain: str | None = None) -> Schema:
    return avro.parse(text(name, *fields), domain)


def fault(name: str, *fields: dict[str, Any], domain: str | None = None) -> str:
    with pytest.raises(InvalidInputException) as caught:
        parse(name, *fields, domain=domain)
    return caught.value.message


GENRES = field("GENRES", categorical=True)
GOOD: list[tuple[str, str | None, list[dict[str, Any]]]] = [
    ("Interactions", None, [USER, ITEM, TIME]),
    ("interactions", None, [USER, ITEM, TIME, EVENT, field("EVENT_VALUE", ["float", "null"])]),
    ("Interactions", "ECOMMERCE", [USER, ITEM, EVENT, TIME]),
    ("Items", None, [ITEM, field("PRICE", "float")]),
    (
        "Items",
        None,
        [ITEM, field("T", ["null", "string"], textual=True), field("CREATION_TIMESTAMP", ["long", "null"])],
    ),
    ("Items", None, [ITEM, field("T", textual=True), field("NAME", itemName=True)]),
    ("Items", "ECOMMERCE", [ITEM, field("PRICE", "float"), field("CATEGORY_L1", ["string"], categorical=True)]),
    ("Items", "VIDEO_ON_DEMAND", [ITEM, GENRES, field("CREATION_TIMESTAMP", "long")]),
    ("Items", "VIDEO_ON_DEMAND", [ITEM, {**GENRES, "name": "GENRES_L1"}, field("CREATION_TIMESTAMP", "long")]),
    ("Users", None, [USER, field("AGE", ["int", "null"])]),
    ("Users", "VIDEO_ON_DEMAND", [USER, field("SUBSCRIPTION_MODEL", categorical=True)]),
    ("Actions", None, [field("ACTION_ID"), field("VALUE", ["null", "long"])]),
    ("ActionInteractions", None, [USER, field("ACTION_ID"), EVENT, TIME]),
    ("ACTION_INTERACTIONS", None, [USER, field("ACTION_ID"), EVENT, TIME]),
]


@pytest.mark.parametrize(("name", "domain", "fields"), GOOD)
def test_schemas_of_the_guide_are_taken(name: str, domain: str | None, fields: list[dict[str, Any]]) -> None:
    schema = parse(name, *fields, domain=domain)
    assert [column.name for column in schema.columns] == [field["name"] for field in fields]


def test_a_schema_knows_its_dataset_type_and_key() -> None:
    schema = parse("action_interactions", USER, field("ACTION_ID"), EVENT, TIME)
    assert (schema.name, schema.dataset_type, schema.key) == ("ActionInteractions", "ACTION_INTERACTIONS", None)
    assert parse("Items", ITEM, field("PRICE", "float")).key == "ITEM_ID"


BAD: list[tuple[str, str | None, list[dict[str, Any]], str]] = [
    ("Films", None, [ITEM], "name must be one of Interactions, Items, Users, Actions, ActionInteractions; got 'Films'"),
    ("Interactions", None, [USER, TIME], "ITEM_ID: required, but missing"),
    ("Interactions", None, [field("USER_ID", "int"), ITEM, TIME], "USER_ID: type must be string"),
    ("Interactions", None, [field("USER_ID", ["string", "null"]), ITEM, TIME], "USER_ID: must not be nullable"),
    ("Interactions", None, [USER, ITEM, field("TIMESTAMP", "int")], "TIMESTAMP: type must be long"),
    ("Interactions", None, [USER, ITEM, TIME, {**EVENT, "categorical": True}], "EVENT_TYPE: must not be categorical"),
    ("Interactions", None, [USER, ITEM, TIME, field("EVENT_VALUE", "double")], "EVENT_VALUE: type must be float"),
    ("Interactions", "ECOMMERCE", [USER, ITEM, TIME], "EVENT_TYPE: required, but missing"),
    ("Interactions", None, [USER, ITEM, TIME, field("T", textual=True)], "T: textual fields exist only in Items"),
    ("Items", None, [ITEM], "Items needs at least one metadata field: a categorical or textual string or a number"),
    ("Items", None, [ITEM, field("CREATION_TIMESTAMP", "long")], "Items needs at least one metadata field"),
    ("Users", None, [USER, field("NAME")], "Users needs at least one metadata field"),
    ("Users", None, [USER, field("A", "boolean")], "Users needs at least one metadata field"),
    (
        "Items",
        None,
        [ITEM, field("A", textual=True), field("B", textual=True)],
        "at most one field may be textual: A, B",
    ),
    ("Items", None, [ITEM, field("A", itemName=True), field("B", itemName=True)], "may be itemName: A, B"),
    ("Items", None, [ITEM, field("A", categorical=True, textual=True)], "A: cannot be both categorical and textual"),
    ("Items", None, [ITEM, field("A", "int", categorical=True)], "A: only a string can be categorical"),
    ("Items", None, [ITEM, field("A", categorical="true")], "A: categorical must be true or false"),
    ("Items", None, [ITEM, field("A", ["string", "int"])], "A: type must be one of boolean, double, float, int, long"),
    ("Items", None, [ITEM, field("A", ["null"])], "A: type must be one of"),
    ("Items", None, [ITEM, field("A", {"type": "array", "items": "string"})], "A: type must be one of"),
    ("Items", None, [ITEM, field("A", "record")], "A: type must be one of"),
    (
        "Items",
        None,
        [ITEM, field("GENRES_1", "int"), field("GENRES1", "int")],
        "underscores and case aside: GENRES_1, ",
    ),
    ("Items", None, [ITEM, field("_Source", "int")], "_Source: the name is the server's own"),
    ("Items", None, [ITEM, field("9", "int")], "field name '9': must be letters, digits and underscores"),
    ("Items", "VIDEO_ON_DEMAND", [ITEM, field("GENRES"), field("CREATION_TIMESTAMP", "long")], '"categorical": true'),
    ("Items", "VIDEO_ON_DEMAND", [ITEM, field("CREATION_TIMESTAMP", "long")], "GENRES: required, but missing"),
    ("Actions", "ECOMMERCE", [field("ACTION_ID"), field("VALUE", "long")], "Actions exists only in custom"),
]


@pytest.mark.parametrize(("name", "domain", "fields", "said"), BAD)
def test_a_broken_rule_is_named(name: str, domain: str | None, fields: list[dict[str, Any]], said: str) -> None:
    assert said in fault(name, *fields, domain=domain)


def test_all_faults_are_told_at_once() -> None:
    said = fault("Interactions", field("USER_ID", "int"), field("X", "map"), field("TIMESTAMP", "int"))
    assert said == (
        "Input schema is not valid: X: type must be one of boolean, double, float, int, long, string, or such a type "
        "in a list with null; ITEM_ID: required, but missing; USER_ID: type must be string; "
        "TIMESTAMP: type must be long."
    )


def test_own_columns_are_counted_where_a_most_is_given_and_only_there() -> None:
    sent = text("Interactions", USER, ITEM, TIME, EVENT, *(field(f"C{i}", "int") for i in range(6)))
    assert len(avro.parse(sent, most={"INTERACTIONS": 6}).metadata) == len(avro.parse(sent).metadata) == 6
    with pytest.raises(InvalidInputException, match="Interactions may have at most 5 metadata fields; found 6"):
        avro.parse(sent, most={"INTERACTIONS": 5})


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ('{"type": "record", "fields": [],}', "it is not JSON"),
        ("[1]", "it must be a JSON object"),
        ('{"type": "enum", "name": "Items", "fields": []}', 'type must be "record"; fields must be a list of objects'),
        ("[" * 19_000, "it is not JSON"),
        (" " * 20_001, "The schema has 20001 characters; at most 20000 are allowed."),
    ],
)
def test_what_is_no_schema_at_all_is_refused(sent: str, said: str) -> None:
    with pytest.raises(InvalidInputException, match=said.replace("[", r"\[")):
        avro.parse(sent)


def items() -> Schema:
    return parse(
        "Items",
        ITEM,
        field("PRICE", ["null", "float"]),
        field("GENRE_L2", ["null", "string"], categorical=True),
        field("STOCK", ["int", "null"]),
        field("ADULT", ["null", "boolean"]),
        field("PRODUCT_DESCRIPTION", ["null", "string"], textual=True),
        field("CREATION_TIMESTAMP", ["long", "null"]),
    )


def test_property_keys_are_the_columns_in_camel_case() -> None:
    assert list(items().property_columns)[2:] == [
        "genreL2", "stock", "adult", "productDescription", "creationTimestamp",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["genreL2", "GENRE_L2", "genrel2", "GenreL2", "genre_l2"])
def test_a_property_is_found_in_any_case_and_by_its_column(key: str) -> None:
    found = items().property_column(key)
    assert found is not None
    assert found.name == "GENRE_L2"


def test_a_row_has_every_column_and_values_of_its_types() -> None:
    row = items().row({"ITEM_ID": "a", "price": "12.5", "genreL2": ["x", "y"], "stock": 3.0, "adult": "true", "zzz": 1})
    assert row == {
        "ITEM_ID": "a",
        "PRICE": 12.5,
        "GENRE_L2": "x|y",
        "STOCK": 3,
        "ADULT": True,
        "PRODUCT_DESCRIPTION": None,
        "CREATION_TIMESTAMP": None,
    }


def test_all_faults_of_a_row_are_told_at_once() -> None:
    with pytest.raises(InvalidInputException) as caught:
        items().row({"price": "cheap", "stock": 2**31, "adult": "True", "creationTimestamp": 1_700_000_000_000})
    assert caught.value.message == (
        "ITEM_ID: a value is required, the column is not nullable; PRICE: must be a number; "
        "STOCK: must be between -2147483648 and 2147483647; ADULT: must be true or false; "
        "CREATION_TIMESTAMP: must be a time in Unix epoch seconds, at most 100000000000."
    )


@pytest.mark.parametrize("value", ["nan", "inf", "1_000", "0x10", " ", "1e999", float("nan"), True, [1], {"a": 1}])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        Column("PRICE", "float").coerce(value)


@pytest.mark.parametrize("value", ["1.7e9", "7.0", "1_0", 7.5, float("inf"), True])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        Column("AGE", "long").coerce(value)


@pytest.mark.parametrize("value", ["\ud800", "a\0b", {"a": 1}, [1, 2]])
def test_what_is_no_storable_text_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        Column("A", "string").coerce(value)


def test_text_is_cut_and_every_other_string_is_refused_when_too_long() -> None:
    by_name = items().by_name
    assert len(by_name["PRODUCT_DESCRIPTION"].coerce("é" * 20_001)) == 20_000
    assert len(by_name["GENRE_L2"].coerce("x" * 1000)) == 1000
    with pytest.raises(ValueError, match="length cannot be more than 1000 characters"):
        by_name["GENRE_L2"].coerce("x" * 1001)
    with pytest.raises(ValueError, match="length cannot be more than 256 characters"):
        by_name["ITEM_ID"].coerce("x" * 257)


@pytest.mark.parametrize("word", ["Taken", "NOT TAKEN", "Not taken", "not_taken", "Viewed"])
def test_action_events_are_spelled_one_way(word: str) -> None:
    column = parse("ActionInteractions", USER, field("ACTION_ID"), EVENT, TIME).by_name["EVENT_TYPE"]
    assert column.coerce(word) in {"TAKEN", "NOT_TAKEN", "VIEWED"}
    with pytest.raises(ValueError, match="must be one of TAKEN, NOT_TAKEN, VIEWED"):
        column.coerce("Clicked")


def test_action_value_and_repeat_frequency_have_their_ranges() -> None:
    schema = parse("Actions", field("ACTION_ID"), field("VALUE", "long"), field("REPEAT_FREQUENCY", "long"))
    with pytest.raises(InvalidInputException, match=r"VALUE: must be between 1 and 10; REPEAT_FREQUENCY: .* 1 and 30"):
        schema.row({"ACTION_ID": "a", "value": 11, "repeatFrequency": 0})


def test_a_successor_may_only_add_nullable_columns() -> None:
    old = parse("Users", USER, field("AGE", "int"))
    assert not parse("Users", USER, field("AGE", "int"), field("N", ["null", "int"])).faults_as_successor(old)
    assert parse("Users", USER, field("N", "int")).faults_as_successor(old) == [
        "AGE: missing; every column of the current schema must stay",
        "N: an added column must be nullable",
    ]
    assert parse("Users", USER, field("AGE", "long")).faults_as_successor(old) == [
        "AGE: type and attributes must stay as they are"
    ]


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_survive_as_text(number: int) -> None:
    column = parse("Items", ITEM, field("N", "long")).by_name["N"]
    assert column.coerce(str(number)) == column.coerce(number) == number


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_numbers_survive_as_text(number: float) -> None:
    assert Column("N", "double").coerce(repr(number)) == Column("N", "double").coerce(number) == number


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just({})))
def test_any_value_is_taken_or_refused_with_a_rule(value: Any) -> None:
    for column in items().columns:
        try:
            stored = column.coerce(value)
        except ValueError:
            continue
        assert stored is None or isinstance(stored, str | int | float | bool)
