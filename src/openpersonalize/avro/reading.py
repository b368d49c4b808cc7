"""Reading a schema: every broken rule is told, with the field that breaks it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from openpersonalize.avro.column import LATEST_SECOND, NUMBERS, WHOLE_RANGES, Column
from openpersonalize.avro.families import FAMILIES, Family, bare
from openpersonalize.avro.schema import Schema
from openpersonalize.errors import InvalidInputException

KINDS = NUMBERS | {"string", "boolean"}
OWN = frozenset({"_source", "_ingested", "_session_id", "_event_id", "_side"})
"""Columns that the tables of records have beside those of a schema."""

_ID, _CELL, _TEXT = 256, 1000, 20_000
_MOST_CHARACTERS, _MOST_NAME = 20_000, 150
_IDS = ("USER_ID", "ITEM_ID", "ACTION_ID")
_TIMES = ("TIMESTAMP", "CREATION_TIMESTAMP", "EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP")
_LENGTHS = {"EVENT_TYPE": _ID, "EVENT_ATTRIBUTION_SOURCE": 1024}
_ACTION_RANGES = {"VALUE": (1, 10), "REPEAT_FREQUENCY": (1, 30)}
_ACTION_EVENTS = ("TAKEN", "NOT_TAKEN", "VIEWED")
_FLAGS = {"categorical": "categorical", "textual": "textual", "item_name": "itemName"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMES = {bare(name): name for name in FAMILIES}


def parse(text: str, domain: str | None = None, most: Mapping[str, int] | None = None) -> Schema:
    """Check a schema for custom use, or for a domain (ECOMMERCE, VIDEO_ON_DEMAND).

    `most` says by dataset type how many metadata columns it may have; None: any number.
    Raises InvalidInputException that names every broken rule and the field that breaks it.
    """
    if len(text) > _MOST_CHARACTERS:
        raise InvalidInputException(f"The schema has {len(text)} characters; at most {_MOST_CHARACTERS} are allowed.")
    document = _document(text)
    faults = [] if document.get("type") == "record" else ['type must be "record"']
    name = _NAMES.get(bare(str(document.get("name"))))
    if name is None:
        faults.append(f"name must be one of {', '.join(FAMILIES)}; got {document.get('name')!r}")
    fields = _fields(document, faults)
    columns = [column for field in fields if (column := _column(field, name, faults))]
    faults.extend(_clashes(columns))
    if name is not None:
        faults.extend(_against_family(name, domain, columns, {str(field.get("name")) for field in fields}, most))
    if faults:
        raise InvalidInputException(f"Input schema is not valid: {'; '.join(faults)}.")
    return Schema(name or "", tuple(columns), text, domain)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as fault:
        raise InvalidInputException(f"Input schema is not valid: it is not JSON ({fault}).") from fault
    if not isinstance(document, dict):
        raise InvalidInputException("Input schema is not valid: it must be a JSON object.")
    return document


def _fields(document: Mapping[str, Any], faults: list[str]) -> list[dict[str, Any]]:
    fields = document.get("fields")
    if not isinstance(fields, list) or not fields or not all(isinstance(field, dict) for field in fields):
        faults.append("fields must be a list of objects, at least one")
        return []
    return fields


def _column(field: Mapping[str, Any], schema: str | None, faults: list[str]) -> Column | None:
    """The column a field declares, or None with its faults added."""
    name = field.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _MOST_NAME:
        rule = f"letters, digits and underscores, not starting with a digit, at most {_MOST_NAME} characters"
        faults.append(f"field name {name!r}: must be {rule}")
        return None
    found, (kind, nullable) = [], _kind(field.get("type"))
    if kind not in KINDS:
        found.append(f"type must be one of {', '.join(sorted(KINDS))}, or such a type in a list with null")
    flags = {flag: field.get(key, False) for flag, key in _FLAGS.items()}
    for flag, value in flags.items():
        if not isinstance(value, bool):
            found.append(f"{_FLAGS[flag]} must be true or false")
        elif value and kind in NUMBERS | {"boolean"}:
            found.append(f"only a string can be {_FLAGS[flag]}")
    if flags["categorical"] is True and flags["textual"] is True:
        found.append("cannot be both categorical and textual")
    if flags["textual"] is True and schema not in (None, "Items"):
        found.append("textual fields exist only in Items")
    faults.extend(f"{name}: {fault}" for fault in found)
    return None if found else _bounded(Column(name, kind, nullable, **flags), schema or "")


def _kind(declared: Any) -> tuple[str, bool]:
    """Type and nullability; the type is empty when the declaration is not one of ours."""
    union = declared if isinstance(declared, list) else [declared]
    if not all(isinstance(part, str) for part in union) or len(set(union)) != len(union):
        return "", False
    others = [part for part in union if part != "null"]
    return (others[0] if len(others) == 1 else ""), "null" in union


def _bounded(column: Column, schema: str) -> Column:
    """The column with the limits its name, kind and dataset give to its values."""
    if column.kind == "string":
        words = _ACTION_EVENTS if schema == "ActionInteractions" and column.name == "EVENT_TYPE" else ()
        length = _ID if column.name in _IDS else _TEXT if column.textual else _LENGTHS.get(column.name, _CELL)
        return replace(column, length=length, words=words)
    low, high = WHOLE_RANGES.get(column.kind, (None, None))
    if column.name in _TIMES:
        low, high = -LATEST_SECOND, LATEST_SECOND
    elif schema == "Actions" and column.name in _ACTION_RANGES:
        low, high = _ACTION_RANGES[column.name]
    return replace(column, low=low, high=high)


def _clashes(columns: list[Column]) -> Iterator[str]:
    yield from (f"{column.name}: the name is the server's own" for column in columns if column.name.lower() in OWN)
    seen: dict[str, list[str]] = {}
    for column in columns:
        seen.setdefault(bare(column.name), []).append(column.name)
    for names in seen.values():
        if len(names) > 1:
            yield f"field names must be unique, underscores and case aside: {', '.join(names)}"


def _against_family(
    name: str, domain: str | None, columns: list[Column], names: set[str], most: Mapping[str, int] | None
) -> Iterator[str]:
    """`names` holds faulty fields too: what is there but wrong is not missing."""
    family = FAMILIES[name]
    if domain and domain not in family.domains:
        yield f"{name} exists only in custom dataset groups; leave domain out"
        return
    required, reserved = family.required(domain), family.reserved(domain)
    for missing in (field for field in required if field not in names):
        if not (missing == "GENRES" and "GENRES_L1" in names):  # the published default schema says GENRES_L1
            yield f"{missing}: required, but missing"
    for column in columns:
        field = required.get(column.name) or reserved.get(column.name)
        for fault in field.faults(column) if field else ():
            yield f"{column.name}: {fault}"
    yield from _too_many(name, {*required, *reserved}, columns, None if most is None else most[family.dataset_type])
    yield from _counts(name, family, {*required, *reserved}, columns)


def _too_many(name: str, known: set[str], columns: list[Column], most: int | None) -> Iterator[str]:
    own = [column for column in columns if column.name not in known]
    if most is not None and len(own) > most:
        yield f"{name} may have at most {most} metadata fields; found {len(own)}"


def _counts(name: str, family: Family, known: set[str], columns: list[Column]) -> Iterator[str]:
    for flag, key in (("textual", "textual"), ("item_name", "itemName")):
        marked = [column.name for column in columns if getattr(column, flag)]
        if len(marked) > 1:
            yield f"at most one field may be {key}: {', '.join(marked)}"
    if family.needs_metadata and not any(_counts_as_metadata(column, name, known) for column in columns):
        text = "a categorical or textual string" if name == "Items" else "a categorical string"
        yield f"{name} needs at least one metadata field: {text} or a number"


def _counts_as_metadata(column: Column, name: str, known: set[str]) -> bool:
    """Fields that a domain itself names count; of the custom reserved ones only an action's VALUE does."""
    if column.name in known and not column.categorical and column.name not in ("PRICE", "VALUE"):
        return False
    return column.is_metadata_kind or (name == "Items" and column.item_name)
