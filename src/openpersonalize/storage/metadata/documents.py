"""Dataclasses as JSON documents, by their annotations, readable by older and newer versions of the code.

A field may hold JSON values, `datetime` (written as ISO text), other dataclasses, and tuples, lists, dictionaries and
optionals of these. A key that the class does not know is ignored, a missing one takes the field's default. A NaN is
written as null, as JSON has no other word for it.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

R = TypeVar("R")
Reader = Callable[[Any], Any]

_AS_THEY_ARE = (Any, object, str, int, float, bool, type(None), dict, list, Mapping)
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_SERIALIZE_NUMPY


def encode(record: Any) -> str:
    """The document of a dataclass; raises TypeError for a value that JSON cannot hold."""
    return orjson.dumps(record, option=_OPTIONS).decode()


def decode(kind: type[R], document: str | bytes) -> R:
    """The dataclass in a document; raises TypeError when a field without a default is missing."""
    reader: Reader = _reader_of(kind)  # type: ignore[arg-type] # a class is hashable, whatever R is
    record: R = reader(orjson.loads(document))
    return record


@cache
def _reader_of(kind: type[Any]) -> Reader:
    hints = get_type_hints(kind)
    readers = {row.name: _reader(hints[row.name], f"{kind.__name__}.{row.name}") for row in fields(kind)}

    def read(found: dict[str, Any]) -> Any:
        values = {}
        for name, value in found.items():
            if name in readers:
                reader = readers[name]
                values[name] = value if reader is None else reader(value)
        return kind(**values)

    return read


def _reader(hint: Any, place: str) -> Reader | None:
    """How a value of that type is read back from JSON; None: it is the JSON value itself."""
    if hint in _AS_THEY_ARE or get_origin(hint) is Literal:
        return None
    if hint is datetime:
        return datetime.fromisoformat
    if is_dataclass(hint) and isinstance(hint, type):
        return _reader_of(hint)
    container = _CONTAINERS.get(get_origin(hint))
    if container is None:
        raise TypeError(f"{place}: a document cannot hold {hint}.")
    return container(get_args(hint), place)


def _optional(choices: Sequence[Any], place: str) -> Reader | None:
    readers = [reader for choice in choices if (reader := _reader(choice, place)) is not None]
    if not readers:
        return None
    if len(readers) > 1 or len([choice for choice in choices if choice is not type(None)]) > 1:
        raise TypeError(f"{place}: a document does not tell {' and '.join(map(str, choices))} apart.")
    reader = readers[0]
    return lambda value: None if value is None else reader(value)


def _list(inner: Sequence[Any], place: str) -> Reader | None:
    reader = _reader(inner[0], place)
    return None if reader is None else lambda values: [reader(value) for value in values]


def _tuple(inner: Sequence[Any], place: str) -> Reader | None:
    if len(inner) == 1 or inner[-1] is Ellipsis:
        reader = _reader(inner[0], place)
        return tuple if reader is None else lambda values: tuple(reader(value) for value in values)
    readers = [_reader(part, place) or _same for part in inner]
    return lambda values: tuple(reader(value) for reader, value in zip(readers, values, strict=True))


def _dict(inner: Sequence[Any], place: str) -> Reader | None:
    if inner[0] is not str:
        raise TypeError(f"{place}: the keys of a document are text.")
    reader = _reader(inner[1], place)
    return None if reader is None else lambda values: {key: reader(value) for key, value in values.items()}


def _same(value: Any) -> Any:
    return value


_CONTAINERS: Mapping[Any, Callable[[Sequence[Any], str], Reader | None]] = {
    Union: _optional,
    types.UnionType: _optional,
    list: _list,
    tuple: _tuple,
    Sequence: _tuple,
    dict: _dict,
    Mapping: _dict,
}
