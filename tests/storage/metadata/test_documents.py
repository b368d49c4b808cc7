"""Records as JSON documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.storage.metadata.documents import decode, encode


@dataclass(frozen=True, kw_only=True)
class Part:
    """A dataclass in a dataclass."""

    made: datetime
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A field of each kind."""

    noun: ClassVar[str] = "whole"

    name: str
    count: int
    share: float
    ready: bool
    mode: Literal["FULL", "UPDATE"]
    made: datetime
    ended: datetime | None
    words: tuple[str, ...]
    times: list[datetime]
    part: Part
    other: Part | None
    parts: Sequence[Part]
    pair: tuple[str, datetime]
    config: dict[str, Any]
    limits: Mapping[str, datetime]
    by_name: dict[str, Part] = field(default_factory=dict)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
zones = st.integers(-12, 12).map(lambda hours: timezone(timedelta(hours=hours)))
times = st.datetimes(timezones=st.one_of(st.just(UTC), zones))
floats = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers(-(2**53), 2**53)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, floats, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)
parts = st.builds(Part, made=times, name=st.none() | texts)
wholes = st.builds(
    Whole,
    name=texts,
    count=numbers,
    share=floats,
    ready=st.booleans(),
    mode=st.sampled_from(["FULL", "UPDATE"]),
    made=times,
    ended=st.none() | times,
    words=st.lists(texts, max_size=3).map(tuple),
    times=st.lists(times, max_size=3),
    part=parts,
    other=st.none() | parts,
    parts=st.lists(parts, max_size=3).map(tuple),
    pair=st.tuples(texts, times),
    config=st.dictionaries(texts, values, max_size=3),
    limits=st.dictionaries(texts, times, max_size=3),
    by_name=st.dictionaries(texts, parts, max_size=3),
)


@given(wholes)
def test_what_is_written_is_read_back(record: Whole) -> None:
    assert decode(Whole, encode(record)) == record


@given(parts, st.dictionaries(texts.filter(lambda key: key not in {"made", "name"}), values))
def test_what_a_newer_version_added_is_left_aside(record: Part, added: dict[str, Any]) -> None:
    document = json.dumps({**json.loads(encode(record)), **added})
    assert decode(Part, document) == record


def test_what_an_older_version_did_not_know_takes_its_default() -> None:
    assert decode(Part, '{"made": "2026-01-01T00:00:00+00:00"}') == Part(made=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_missing_field_without_a_default_is_an_error() -> None:
    with pytest.raises(TypeError, match="made"):
        decode(Part, "{}")


def test_the_class_itself_is_not_in_the_document() -> None:
    assert json.loads(encode(Part(made=datetime(2026, 1, 1, 1, 2, 3, 456000, tzinfo=UTC), name="Zoë"))) == {
        "made": "2026-01-01T01:02:03.456000+00:00",
        "name": "Zoë",
    }


@dataclass(frozen=True)
class Ambiguous:
    """Which of the two it was, the document would not tell."""

    when: datetime | str | None


@dataclass(frozen=True)
class Unknown:
    """Nothing in JSON is a set."""

    names: set[str]


@dataclass(frozen=True)
class Keyed:
    """Keys of JSON are text."""

    by_number: dict[int, str]


@pytest.mark.parametrize("kind", [Ambiguous, Unknown, Keyed])
def test_a_type_that_would_not_come_back_is_refused(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match=kind.__name__):
        decode(kind, "{}")


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        encode(Unknown({"a"}))
