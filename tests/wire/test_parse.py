import math
from typing import Any

import pytest
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.errors import InvalidInputException, SerializationException
from openpersonalize.wire import models
from openpersonalize.wire.parse import compile_parser, compile_reader
from tests.wire.shapes import any_json

MODEL = models.load()
ARN = "arn:aws:personalize:us-east-1:111122223333:dataset-group/films"

_SHAPES = {
    "Seconds": {"type": "timestamp"},
    "Ratio": {"type": "double", "min": 0, "max": 1},
    "Count": {"type": "integer"},
    "Big": {"type": "long"},
    "Word": {"type": "string", "min": 2, "max": 4, "pattern": "[a-z]+"},
    "Words": {"type": "list", "member": {"shape": "Word"}, "min": 1, "max": 3},
    "Table": {"type": "map", "key": {"shape": "Word"}, "value": {"shape": "Word"}, "max": 2},
    "Inner": {"type": "structure", "required": ["word"], "members": {"word": {"shape": "Word"}}},
    "Outer": {
        "type": "structure",
        "required": ["innerPart"],
        "members": {
            "innerPart": {"shape": "Inner"},
            "words": {"shape": "Words"},
            "table": {"shape": "Table"},
            "ratio": {"shape": "Ratio"},
            "flag": {"shape": "Flag"},
            "performHPO": {"shape": "Flag"},
        },
    },
    "Flag": {"type": "boolean"},
}
_MADE_UP = ServiceModel({"metadata": {}, "operations": {}, "shapes": _SHAPES})


def parse(value: Any) -> dict[str, Any]:
    return compile_parser(_MADE_UP.shape_for("Outer"))(value)


def read(shape: str, value: Any) -> Any:
    found = compile_parser_of_one(shape)
    return found({"value": value})["value"]


def compile_parser_of_one(shape: str) -> Any:
    wrapper = {"Wrapper": {"type": "structure", "members": {"value": {"shape": shape}}}}
    return compile_parser(ServiceModel({"shapes": _SHAPES | wrapper}).shape_for("Wrapper"))


def fault(value: Any) -> str:
    with pytest.raises(InvalidInputException) as caught:
        parse(value)
    return caught.value.message


def test_top_level_names_become_snake_case_and_what_is_below_keeps_its_own() -> None:
    assert parse({"innerPart": {"word": "ab"}, "performHPO": True}) == {
        "inner_part": {"word": "ab"},
        "perform_hpo": True,
    }


def test_unknown_members_are_ignored_and_null_is_absent() -> None:
    assert parse({"innerPart": {"word": "ab", "more": 1}, "flag": None, "other": [1]}) == {"inner_part": {"word": "ab"}}


def test_every_broken_rule_is_told_at_once() -> None:
    broken = {"innerPart": {}, "words": ["a", "ABC", None, "ok"], "table": {"ab": "abcde"}, "ratio": 1.5}
    assert fault(broken) == (
        "7 validation errors detected: "
        "Value null at 'innerPart.word' failed to satisfy constraint: Member must not be null; "
        "Value '[4 entries]' at 'words' failed to satisfy constraint: Member must have length less than or equal to 3; "
        "Value 'a' at 'words.1.member' failed to satisfy constraint: "
        "Member must have length greater than or equal to 2; "
        "Value 'ABC' at 'words.2.member' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-z]+; "
        "Value null at 'words.3.member' failed to satisfy constraint: Member must not be null; "
        "Value 'abcde' at 'table.ab.member' failed to satisfy constraint: "
        "Member must have length less than or equal to 4; "
        "Value '1.5' at 'ratio' failed to satisfy constraint: Member must have value less than or equal to 1"
    )


def test_a_long_value_is_shown_by_its_beginning_and_length() -> None:
    told = fault({"innerPart": {"word": "x" * 100_000}})
    assert "… (100000 characters)" in told
    assert len(told) < 500


def test_a_body_with_millions_of_faults_gets_the_first_hundred() -> None:
    inputs = {"campaignArn": "no", "userId": "u", "inputList": [""] * 5000 + ["x" * 300] * 100_000}
    with pytest.raises(InvalidInputException, match=r"^100 validation errors detected: ") as caught:
        MODEL.operations["GetPersonalizedRanking"].parse(inputs)
    assert caught.value.message.count("failed to satisfy") == 100


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "The request body must be an object, not a list."),
        (None, "The request body must be an object, not null."),
        ({"innerPart": "x"}, "'innerPart' must be an object, not a string."),
        ({"innerPart": {"word": 1}}, "'innerPart.word' must be a string, not a number."),
        ({"words": {}}, "'words' must be a list, not an object."),
        ({"words": ["ab", True]}, "'words.2.member' must be a string, not a boolean."),
        ({"ratio": "0.5"}, "'ratio' must be a number, not a string."),
        ({"ratio": True}, "'ratio' must be a number, not a boolean."),
        ({"flag": 1}, "'flag' must be a boolean, not a number."),
        ({"table": []}, "'table' must be an object, not a list."),
    ],
)
def test_a_wrong_json_type_names_the_member_and_what_it_should_be(value: Any, told: str) -> None:
    with pytest.raises(SerializationException) as caught:
        parse(value)
    assert caught.value.message == told


def test_numbers_are_read_generously_and_kept_as_spelled() -> None:
    assert read("Count", 5.0) == 5
    assert type(read("Count", 5.0)) is int
    assert type(read("Ratio", 1)) is int
    with pytest.raises(SerializationException, match="'value' must be a whole number, not a number"):
        read("Count", 5.5)
    with pytest.raises(SerializationException):
        read("Ratio", "NaN")


def test_whole_numbers_fit_their_type() -> None:
    assert read("Count", -(2**31)) == -(2**31)
    assert read("Big", 2**63 - 1) == 2**63 - 1
    for shape, value in (("Count", 2**31), ("Big", 2**63), ("Big", 1e300)):
        with pytest.raises(InvalidInputException, match="less than or equal to"):
            read(shape, value)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1718000000, 1718000000),
        (1718000000.125, 1718000000.125),
        ("1718000000", 1718000000),
        ("1.718e9", 1718000000),
        ("2024-06-10T06:13:20Z", 1718000000),
        ("2024-06-10T08:13:20.125+02:00", 1718000000.125),
        ("2024-06-10T06:13:20", 1718000000),
        (-1, -1),
    ],
)
def test_a_time_may_be_seconds_digits_or_iso_text(written: Any, seconds: float) -> None:
    assert read("Seconds", written) == seconds


@pytest.mark.parametrize("written", ["soon", "NaN", "Infinity", "1_000", "", True, {}])
def test_what_is_no_time_cannot_be_read(written: Any) -> None:
    with pytest.raises(SerializationException, match="must be a timestamp"):
        read("Seconds", written)


def test_milliseconds_given_as_seconds_are_refused() -> None:
    with pytest.raises(InvalidInputException, match="seconds since 1970"):
        read("Seconds", 1718000000000)


def test_an_operation_without_input_takes_anything() -> None:
    assert compile_parser(None)({"what": "ever"}) == {}


def test_constraints_of_the_real_model_hold() -> None:
    create = MODEL.operations["CreateDatasetGroup"].parse
    assert create({"name": "a" * 63}) == {"name": "a" * 63}
    with pytest.raises(InvalidInputException) as caught:
        create({"name": "no spaces", "domain": "BAD", "roleArn": "me", "tags": [{"tagKey": "k"}]})
    assert caught.value.message.startswith("4 validation errors detected: ")
    assert "Member must satisfy enum value set: [ECOMMERCE, VIDEO_ON_DEMAND]" in caught.value.message


@given(any_json)
def test_a_reader_gives_a_value_or_a_fault_of_the_caller(value: Any) -> None:
    for shape in _SHAPES:
        try:
            given_back = read(shape, value)
        except (InvalidInputException, SerializationException, KeyError):
            continue
        assert given_back is not None


@given(st.floats(0, 1, allow_nan=False))
def test_a_number_within_its_bounds_comes_back_as_it_was(value: float) -> None:
    assert math.isclose(read("Ratio", value), value, abs_tol=0)


def test_a_type_the_models_do_not_use_is_refused_when_the_server_starts() -> None:
    with pytest.raises(KeyError, match="blob"):
        compile_reader(ServiceModel({"shapes": {"Blob": {"type": "blob"}}}).shape_for("Blob"))
