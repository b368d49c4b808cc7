"""Values for a shape of the service model: valid ones, and any JSON at all."""

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from openpersonalize.wire.patterns import translate

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
any_json = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@cache
def valid(shape: Any) -> st.SearchStrategy[Any]:
    """Values that keep every rule of `shape`, by wire names."""
    return _STRATEGIES[shape.type_name](shape)


@cache
def nearly(shape: Any) -> st.SearchStrategy[Any]:
    """Values with the shape's members, any of them of any JSON type."""
    if shape.type_name == "structure":
        members = {name: nearly(below) for name, below in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members) | any_json
    if shape.type_name == "list":
        return st.lists(nearly(shape.member), max_size=3) | any_json
    return valid(shape) | any_json


def _structure(shape: Any) -> st.SearchStrategy[Any]:
    members = {name: valid(below) for name, below in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members)


def _list(shape: Any) -> st.SearchStrategy[Any]:
    least = shape.metadata.get("min", 0)
    return st.lists(valid(shape.member), min_size=least, max_size=min(shape.metadata.get("max", 3), least + 2))


def _map(shape: Any) -> st.SearchStrategy[Any]:
    return st.dictionaries(valid(shape.key), valid(shape.value), max_size=min(shape.metadata.get("max", 2), 2))


def _string(shape: Any) -> st.SearchStrategy[str]:
    rules = shape.metadata
    if "enum" in rules:
        return st.sampled_from(rules["enum"])
    least, most = rules.get("min", 0), rules.get("max", 50)
    if "pattern" in rules:
        return st.from_regex(translate(rules["pattern"]), fullmatch=True).filter(
            lambda text: least <= len(text) <= most
        )
    return st.text(min_size=least, max_size=min(most, least + 10))


def _integer(shape: Any) -> st.SearchStrategy[int]:
    return st.integers(shape.metadata.get("min", -(2**31)), shape.metadata.get("max", 2**31 - 1))


def _double(shape: Any) -> st.SearchStrategy[float]:
    return st.floats(shape.metadata.get("min", -1e9), shape.metadata.get("max", 1e9), allow_nan=False)


_STRATEGIES: dict[str, Callable[[Any], st.SearchStrategy[Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _double,
    "double": _double,
    "boolean": lambda _shape: st.booleans(),
    "timestamp": lambda _shape: st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
}
