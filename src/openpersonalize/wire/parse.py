"""Requests: a shape of the service model, compiled once into a function that reads and checks JSON.

Two kinds of fault. A value of the wrong JSON type cannot be read: SerializationException, at once. A value that breaks
a rule of its shape (length, range, pattern, enumeration, presence) is noted, and all are told together in one
InvalidInputException. Unknown members are ignored, and null means absent.

Shapes are compiled as trees; the three models have no shape that contains itself.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Union

from botocore import xform_name

from openpersonalize.errors import InvalidInputException, SerializationException
from openpersonalize.wire.patterns import translate

_MOST_FAULTS = 100  # more help nobody, and a hostile body could hold millions
_LONGEST_VALUE = 200

# Where a value stands, innermost name first; spelled out only when there is a fault to tell.
Path = Union[tuple["Path", str], None]  # noqa: UP007 - a name in quotes has no |
Reader = Callable[[Any, Path, "Faults"], Any]
Check = Callable[[float, Any, Path, "Faults"], None]


class Faults:
    """The broken rules of one request, in the order they were met."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, value: Any, path: Path, rule: str) -> None:
        """Note a broken rule; raises InvalidInputException at once when there are a hundred."""
        self.found.append(
            f"Value {_shown(value)} at '{_spelled(path)}' failed to satisfy constraint: Member must {rule}"
        )
        if len(self.found) >= _MOST_FAULTS:
            self.tell()

    def tell(self) -> None:
        """Raise InvalidInputException if anything was noted."""
        if self.found:
            raise InvalidInputException.violations(self.found)


def compile_parser(shape: Any | None) -> Callable[[Any], dict[str, Any]]:
    """A function from a decoded body to keyword arguments: top-level names in snake case, values below as they came.

    The function raises InvalidInputException and SerializationException. `shape` is a botocore structure, or None for
    an operation without input.
    """
    if shape is None:
        return lambda _body: {}
    read = compile_reader(shape)
    keys = {member: xform_name(member) for member in shape.members}

    def parse(body: Any) -> dict[str, Any]:
        faults = Faults()
        value = read(body, None, faults)
        faults.tell()
        return {keys[member]: given for member, given in value.items()}

    return parse


def compile_reader(shape: Any) -> Reader:
    """The reader of one shape and everything below it; raises KeyError for a type the models do not use today."""
    return _COMPILERS[shape.type_name](shape)


def _structure(shape: Any) -> Reader:
    readers = {member: compile_reader(below) for member, below in shape.members.items()}
    required = tuple(shape.required_members)

    def read(value: Any, path: Path, faults: Faults) -> dict[str, Any]:
        if type(value) is not dict:
            raise _wrong_type(value, path, "an object")
        known = {
            member: readers[member](given, (path, member), faults)
            for member, given in value.items()
            if given is not None and member in readers
        }
        for member in required:
            if member not in known:
                faults.add(None, (path, member), "not be null")
        return known

    return read


def _list(shape: Any) -> Reader:
    read_one = compile_reader(shape.member)
    check = _bounds(shape, "length")
    most = shape.metadata.get("max")

    def read(value: Any, path: Path, faults: Faults) -> list[Any]:
        if type(value) is not list:
            raise _wrong_type(value, path, "a list")
        check(len(value), value, path, faults)
        entries = []
        for place, given in enumerate(value[:most], start=1):
            here = ((path, str(place)), "member")
            if given is None:
                faults.add(None, here, "not be null")
            else:
                entries.append(read_one(given, here, faults))
        return entries

    return read


def _map(shape: Any) -> Reader:
    read_key, read_value = compile_reader(shape.key), compile_reader(shape.value)
    check = _bounds(shape, "length")
    most = shape.metadata.get("max")

    def read(value: Any, path: Path, faults: Faults) -> dict[str, Any]:
        if type(value) is not dict:
            raise _wrong_type(value, path, "an object")
        given = {key: entry for key, entry in value.items() if entry is not None}
        check(len(given), given, path, faults)
        return {
            read_key(key, (path, "key"), faults): read_value(entry, ((path, key), "member"), faults)
            for key, entry in list(given.items())[:most]
        }

    return read


def _string(shape: Any) -> Reader:
    check = _bounds(shape, "length")
    most = shape.metadata.get("max", math.inf)
    allowed = frozenset(shape.metadata.get("enum", ()))
    among = f"satisfy enum value set: [{', '.join(shape.metadata.get('enum', ()))}]"
    java = shape.metadata.get("pattern")
    pattern: re.Pattern[str] | None = translate(java) if java else None

    def read(value: Any, path: Path, faults: Faults) -> str:
        if type(value) is not str:
            raise _wrong_type(value, path, "a string")
        check(len(value), value, path, faults)
        # A value too long is not matched as well: patterns may take quadratic time.
        if pattern is not None and len(value) <= most and not pattern.fullmatch(value):
            faults.add(value, path, f"satisfy regular expression pattern: {java}")
        if allowed and value not in allowed:
            faults.add(value, path, among)
        return value

    return read


def _whole(bits: int) -> Callable[[Any], Reader]:
    def compiler(shape: Any) -> Reader:
        check = _bounds(shape, "value", low=-(2 ** (bits - 1)), high=2 ** (bits - 1) - 1)

        def read(value: Any, path: Path, faults: Faults) -> int:
            if type(value) is float and value.is_integer():
                value = int(value)
            if type(value) is not int:
                raise _wrong_type(value, path, "a whole number")
            check(value, value, path, faults)
            return value

        return read

    return compiler


def _number(shape: Any) -> Reader:
    check = _bounds(shape, "value")

    def read(value: Any, path: Path, faults: Faults) -> float:
        if type(value) is not float and type(value) is not int:  # a bool is an int to isinstance
            raise _wrong_type(value, path, "a number")
        check(value, value, path, faults)
        return value  # as it was spelled: Describe calls echo 1 as 1 and 1.0 as 1.0

    return read


def _boolean(_shape: Any) -> Reader:
    def read(value: Any, path: Path, _faults: Faults) -> bool:
        if type(value) is not bool:
            raise _wrong_type(value, path, "a boolean")
        return value

    return read


_EARLIEST, _LATEST = datetime(1, 1, 1, tzinfo=UTC).timestamp(), datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_DIGITS = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")


def _timestamp(_shape: Any) -> Reader:
    """Epoch seconds as a number or a string of digits, or an ISO 8601 string (UTC where it names no zone)."""

    def read(value: Any, path: Path, faults: Faults) -> float:
        seconds = _seconds(value) if type(value) is str else value
        if type(seconds) is not float and type(seconds) is not int:
            raise _wrong_type(value, path, "a timestamp (seconds since 1970, or ISO 8601)")
        if not _EARLIEST <= seconds <= _LATEST:
            faults.add(value, path, "be a time in seconds since 1970, before the year 10000")
        return seconds

    return read


def _seconds(text: str) -> float | None:
    if _DIGITS.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_COMPILERS: dict[str, Callable[[Any], Reader]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _whole(32),
    "long": _whole(64),
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def _bounds(shape: Any, what: str, low: float = -math.inf, high: float = math.inf) -> Check:
    """A check of the shape's minimum and maximum; `low` and `high` hold where it names none."""
    least, most = shape.metadata.get("min", low), shape.metadata.get("max", high)

    def check(size: float, value: Any, path: Path, faults: Faults) -> None:
        if size < least:
            faults.add(value, path, f"have {what} greater than or equal to {least}")
        elif size > most:
            faults.add(value, path, f"have {what} less than or equal to {most}")

    return check


def _wrong_type(value: Any, path: Path, expected: str) -> SerializationException:
    where = f"'{_spelled(path)}'" if path else "The request body"
    return SerializationException(f"{where} must be {expected}, not {_JSON_TYPES[type(value)]}.")


_JSON_TYPES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _spelled(path: Path) -> str:
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(name)
    return _cut(".".join(reversed(names)))


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return f"'[{len(value)} entries]'"
    return f"'{_cut(str(value))}'"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"
