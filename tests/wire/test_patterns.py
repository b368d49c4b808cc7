import re
import sys
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.wire import models
from openpersonalize.wire.patterns import translate


def _strings(shape: Any) -> list[Any]:
    below = {
        "structure": lambda: list(shape.members.values()),
        "list": lambda: [shape.member],
        "map": lambda: [shape.key, shape.value],
    }.get(shape.type_name, list)()
    own = [shape] if "pattern" in shape.metadata else []
    return own + [found for inner in below for found in _strings(inner)]


PATTERNS = {
    string.metadata["pattern"]: string.metadata.get("max")
    for operation in models.load().operations.values()
    for string in _strings(operation.input_shape)
}

TAG = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
SOURCE = r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$"


def test_a_tag_takes_the_letters_spaces_and_numbers_of_every_script_and_nothing_else() -> None:
    pattern = translate(TAG)
    wrong = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if bool(pattern.fullmatch(chr(code)))
        != (unicodedata.category(chr(code))[0] in "LZN" or chr(code) in "_.:/=+-@")
    ]
    assert wrong == []


def test_a_digit_is_ascii_and_a_dot_stops_at_every_line_end_as_in_java() -> None:
    assert translate(r"\d{2}").fullmatch("42")
    assert not translate(r"\d{2}").fullmatch("٤٢")
    assert translate(".+").fullmatch("a b")
    assert not any(translate(".+").fullmatch(f"a{end}") for end in "\n\r\x85\u2028\u2029")


def test_the_whole_value_must_match() -> None:
    name = translate(r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*")
    assert name.fullmatch("my-name_1")
    assert not name.fullmatch("my name")
    assert not name.fullmatch("name\n")


def test_an_unknown_class_is_refused_rather_than_left_unchecked() -> None:
    with pytest.raises(ValueError, match="no translation"):
        translate(r"[\p{Greek}]+")
    with pytest.raises(ValueError, match="unclosed"):
        translate("[ab")


@given(st.text(st.sampled_from(" a~\n\x7fé")))
def test_the_form_that_decides_in_one_pass_accepts_the_same(text: str) -> None:
    assert bool(translate(SOURCE).fullmatch(text)) == bool(
        re.fullmatch(SOURCE.removeprefix("^").removesuffix("$"), text)
    )


@pytest.mark.parametrize("java", sorted(PATTERNS))
def test_no_value_of_allowed_length_keeps_the_server_busy(java: str) -> None:
    assert PATTERNS[java] is not None, "a pattern without a maximum length could be given anything"
    pattern = translate(java)
    for filling in ("a", " ", ":", "arn:aws:personalize:::", "arn:aws:kms:", "s3://", "1"):
        value = (filling * PATTERNS[java])[: PATTERNS[java] - 1] + "\n"
        started = time.process_time()
        pattern.fullmatch(value)
        assert time.process_time() - started < 0.05
