"""Lines of batch jobs: a JSON object asks, a JSON object with what was asked, the output and the error answers.

Source: https://docs.aws.amazon.com/personalize/latest/dg/batch-data-upload.html and the pages around it
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.serving.ranking import Ranked

MOST_CHARACTERS = 256
_ASKED = {"PERSONALIZED_RANKING": ("userId", "itemList"), "RELATED_ITEMS": ("itemId",)}
_SCORES_AT_ONCE = 16_000_000
_MOST_AT_ONCE = 256


Object: TypeAlias = Mapping[str, Any]
"""What a line holds."""

Given: TypeAlias = Object | str
"""A line's object, or its text where it is none."""


class LineError(ValueError):
    """A line that cannot be answered; the text is what its `error` says."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """A line that can be answered; `given` is the object as it came, `conditions` are those of `itemAttributes`."""

    given: Object
    user_id: str | None = None
    item_id: str | None = None
    item_list: tuple[str, ...] = ()
    filter_values: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[tuple[str, str], ...] = ()


def parsed(line: bytes) -> Object:
    """The object of a line; raises LineError."""
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        raise LineError(f"The line is not JSON: {fault}") from fault
    if not isinstance(given, dict):
        raise LineError("The line must be a JSON object.")
    return given


def query(given: Object, recipe_type: str, most_items: int) -> Query:
    """What a line asks of a recipe of that type; raises LineError naming the field and the rule.

    A list to be ranked may have `most_items` items.
    """
    wanted = _ASKED.get(recipe_type, ("userId",))
    return Query(
        given=given,
        # Recipes that start from an item need nobody, but a filter may.
        user_id=_name(given, "userId") if "userId" in wanted or given.get("userId") is not None else None,
        item_id=_name(given, "itemId") if "itemId" in wanted else None,
        item_list=_names(given, most_items) if "itemList" in wanted else (),
        filter_values=_filter_values(given),
    )


def segment_query(given: Object, *, of_attributes: bool) -> Query:
    """What a line asks of a recipe for segments; raises LineError naming the field and the rule."""
    values = _filter_values(given)
    if of_attributes:
        conditions = _conditions(_required(given, "itemAttributes"))
        return Query(given=given, filter_values=values, conditions=conditions)
    return Query(given=given, filter_values=values, item_id=_name(given, "itemId"))


def answered(query: Query, ranked: Sequence[Ranked]) -> bytes:
    """The line of a result; unknown items of a ranking end the list, and have no score."""
    scores = [row.score for row in ranked if row.score is not None]
    output: dict[str, Any] = {"recommendedItems": [row.item_id for row in ranked]}
    if scores:
        output["scores"] = scores
    return orjson.dumps({"input": query.given, "output": output, "error": None}) + b"\n"


def segmented(query: Query, user_ids: Sequence[str]) -> bytes:
    """The line of a segment, the likeliest user first."""
    return orjson.dumps({"input": query.given, "output": {"usersList": user_ids}, "error": None}) + b"\n"


def refused(given: Given, fault: str) -> bytes:
    """The line of a failure: without `output`, by which clients tell it."""
    return orjson.dumps({"input": given, "error": fault}) + b"\n"


def lines_at_once(artefact: Artefact) -> int:
    """How many lines may be scored together in bounded memory."""
    return max(1, min(_MOST_AT_ONCE, _SCORES_AT_ONCE // max(1, len(artefact.model.items))))


def _required(given: Mapping[str, Any], name: str) -> Any:
    if given.get(name) is None:
        raise LineError(f"Required field {name} is missing")
    return given[name]


def _name(given: Mapping[str, Any], name: str) -> str:
    value = _required(given, name)
    if not isinstance(value, str) or not 1 <= len(value) <= MOST_CHARACTERS:
        raise LineError(f"Field {name} must be a string of 1 to {MOST_CHARACTERS} characters")
    return value


def _names(given: Mapping[str, Any], most: int) -> tuple[str, ...]:
    value = _required(given, "itemList")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise LineError("Field itemList must be a list of strings")
    if not 1 <= len(value) <= most:
        raise LineError(f"Field itemList must have 1 to {most} items, it has {len(value)}")
    return tuple(value)


_CONDITION = re.compile(r'\s*ITEMS\.([A-Za-z_]\w*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(-?[0-9.]+))\s*', re.IGNORECASE)
_AND = re.compile("AND", re.IGNORECASE)


def _conditions(text: Any) -> tuple[tuple[str, str], ...]:
    """The columns and values of `ITEMS.GENRE = "Noir" AND ITEMS.YEAR = 1999`."""
    rule = 'Field itemAttributes must be conditions like ITEMS.COLUMN = "value", joined by AND'
    if not isinstance(text, str):
        raise LineError(rule)
    found, place = [], 0
    while condition := _CONDITION.match(text, place):
        column, quoted, number = condition.groups()
        found.append((column, number if quoted is None else re.sub(r"\\(.)", r"\1", quoted)))
        place = condition.end()
        if place == len(text):
            return tuple(found)
        joint = _AND.match(text, place)
        if joint is None:
            break
        place = joint.end()
    raise LineError(f"{rule}; it is not at character {place + 1}: {text}")


def _filter_values(given: Mapping[str, Any]) -> Mapping[str, str]:
    values = given.get("filterValues") or {}
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise LineError("Field filterValues must be an object of strings")
    return values
