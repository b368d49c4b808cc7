"""Answers: a shape of the service model, compiled once into a function that picks and converts what the wire shows.

A structure may be a dict keyed by wire names or a record whose attributes are those names in snake case; only members
of the shape are shown, so one record serves Describe and List. None is left out, and so is a number that JSON cannot
say (NaN, infinity). Times become seconds since 1970 with milliseconds.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from botocore import xform_name

Writer = Callable[[Any], Any]


def compile_serializer(shape: Any | None) -> Callable[[Any], bytes]:
    """A function from an operation's answer to the body of the reply; empty for an operation without output."""
    if shape is None:
        return lambda _answer: b""
    write = compile_writer(shape)
    return lambda answer: orjson.dumps(write({} if answer is None else answer))


def compile_writer(shape: Any) -> Writer:
    """The writer of one shape and everything below it; raises KeyError for a type the models do not use today."""
    return _COMPILERS[shape.type_name](shape)


def _structure(shape: Any) -> Writer:
    writers = {member: compile_writer(below) for member, below in shape.members.items()}
    attributes = tuple((member, xform_name(member), writer) for member, writer in writers.items())

    find = writers.get

    def from_mapping(value: Mapping[str, Any]) -> dict[str, Any]:
        # Spelled as a loop because lists of 500 recommendations pass here.
        picked = {}
        for member, given in value.items():
            if given is not None and (writer := find(member)) is not None and (shown := writer(given)) is not None:
                picked[member] = shown
        return picked

    def from_record(value: Any) -> dict[str, Any]:
        return {
            member: shown
            for member, attribute, writer in attributes
            if (given := getattr(value, attribute, None)) is not None and (shown := writer(given)) is not None
        }

    def write(value: Any) -> dict[str, Any]:
        return from_mapping(value) if type(value) is dict or isinstance(value, Mapping) else from_record(value)

    return write


def _list(shape: Any) -> Writer:
    write_one = compile_writer(shape.member)
    return lambda value: [write_one(entry) for entry in value]


def _map(shape: Any) -> Writer:
    write_one = compile_writer(shape.value)

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            str(key): shown
            for key, given in value.items()
            if given is not None and (shown := write_one(given)) is not None
        }

    return write


def _number(_shape: Any) -> Writer:
    def write(value: Any) -> float | None:
        if type(value) is int:
            return value
        number = float(value)
        return number if math.isfinite(number) else None

    return write


def _timestamp(_shape: Any) -> Writer:
    def write(value: datetime | float) -> float:
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(f"{value!r} names no time zone; times in records are aware")
            return round(value.timestamp(), 3)
        return round(value, 3)

    return write


_COMPILERS: dict[str, Callable[[Any], Writer]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": lambda _shape: str,
    "integer": lambda _shape: int,
    "long": lambda _shape: int,
    "float": _number,
    "double": _number,
    "boolean": lambda _shape: bool,
    "timestamp": _timestamp,
}
