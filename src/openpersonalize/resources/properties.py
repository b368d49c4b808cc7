"""The `properties` of what is put one by one: a JSON object in a string, whose keys mean the columns of a schema.

Source: https://docs.aws.amazon.com/personalize/latest/dg/recording-item-interaction-events.html
"""

from collections.abc import Collection
from typing import Any

import orjson

from openpersonalize import avro
from openpersonalize.errors import InvalidInputException


def read_properties(text: str | None) -> dict[str, Any]:
    """The object in the string, empty when there is none; raises InvalidInputException in Amazon's words."""
    if text is None:
        return {}
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise InvalidInputException("Error parsing properties json") from fault
    if not isinstance(given, dict):
        raise InvalidInputException("Error parsing properties json")
    return given


def event_row(
    schema: avro.Schema, own: dict[str, Any], given: dict[str, Any], forbidden: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """An event by its schema, with what the service keeps of every event beside it, and what is wrong with it.

    `own` are the event's members by column name, `given` its properties; `forbidden` keys belong to the event itself
    and may not come in properties, whatever their case.
    """
    faults = [f"properties must not hold {key}, it belongs to the event" for key in given if key.lower() in forbidden]
    row = {name: value for name, value in own.items() if value is not None}
    for key, value in given.items():
        column = schema.property_column(key)
        if column is not None and key.lower() not in forbidden:
            row.setdefault(column.name, value)
    for column in schema.columns:
        if column.name == "USER_ID" and "USER_ID" not in row:
            continue  # an event of a session whose user is not known yet
        if column.name == "IMPRESSION" and "IMPRESSION" in row:
            continue  # 25 ids of any length: the limit of 1,000 characters is that of a CSV cell
        try:
            row[column.name] = column.coerce(row.get(column.name))
        except ValueError as fault:
            faults.append(f"{column.name}: {fault}")
    return row, faults


def size_faults(event: dict[str, Any], most: int) -> list[str]:
    """Why an event is too large, if as JSON it has more than `most` bytes."""
    size = len(orjson.dumps(event))
    return [f"the event has {size} bytes, at most {most} are kept"] if size > most else []
