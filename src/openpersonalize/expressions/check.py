"""A filter held against the schemas of its dataset group: every broken rule, with its place.

Source: https://docs.aws.amazon.com/personalize/latest/dg/filter-expressions.html and its section on limitations
"""

from collections.abc import Iterator, Mapping

from openpersonalize.avro import Column, Schema
from openpersonalize.expressions.faults import ExpressionError, PlaceholderError, hint
from openpersonalize.expressions.filters import (
    ANY_TYPE,
    CURRENT_USER,
    SPELLED,
    Comparison,
    Condition,
    CurrentItem,
    Expression,
    Filter,
    Number,
    Placeholder,
    Property,
    Text,
    values,
)

EVENT_TYPE = "EVENT_TYPE"
EVENTS = ("INTERACTIONS", "ACTION_INTERACTIONS")
ALLOWED = {
    "ItemID": ("ITEMS", "INTERACTIONS"),
    "ActionID": ("ACTIONS", "ACTION_INTERACTIONS"),
    "UserID": ("USERS", "INTERACTIONS"),
}
"""What the conditions on a subject may read."""

OF_THE_SERVICE = ("EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY")
"""Columns of Actions that the service applies itself."""

Schemas = Mapping[str, Schema]


def faults(tree: Filter, schemas: Schemas) -> list[ExpressionError]:
    """What is wrong with a filter, in the order of its text; `schemas` has the group's, by dataset type (ITEMS …)."""
    found = [fault for expression in tree.expressions for fault in _of_expression(expression, tree, schemas)]
    return sorted(found, key=lambda fault: fault.position)


def _of_expression(expression: Expression, tree: Filter, schemas: Schemas) -> Iterator[ExpressionError]:
    if expression.subject != tree.subject:
        rule = f"all expressions of a filter have the subject of the first, {tree.subject}"
        yield ExpressionError(expression.position, f"found {expression.subject}; {rule}")
    first = expression.conditions[0].property
    for condition in expression.conditions:
        yield from _of_place(condition.property, first, expression)
        yield from _of_condition(condition, expression, schemas)
    for condition in expression.only_if:
        yield from _of_guard(condition, expression)
        yield from _of_condition(condition, expression, schemas)


def _of_place(found: Property, first: Property, expression: Expression) -> Iterator[ExpressionError]:
    if found.dataset == CURRENT_USER:
        yield ExpressionError(found.position, "CurrentUser stands only after IF")
    elif found.dataset not in ALLOWED[expression.subject]:
        allowed = " or ".join(SPELLED[dataset] for dataset in ALLOWED[expression.subject])
        yield ExpressionError(
            found.position, f"a filter of {expression.subject} cannot read {SPELLED[found.dataset]}; use {allowed}"
        )
    elif found.dataset != first.dataset:
        rule = f"one expression reads one dataset, here {SPELLED[first.dataset]}; join expressions with |"
        yield ExpressionError(found.position, f"found {found}; {rule}")


def _of_guard(condition: Condition, expression: Expression) -> Iterator[ExpressionError]:
    found = condition.property
    if found.dataset != CURRENT_USER:
        yield ExpressionError(found.position, f"found {found}; IF is for conditions on CurrentUser")
    elif expression.subject == "UserID":
        yield ExpressionError(found.position, "a filter of UserID has no current user; leave IF out")
    for value in values(condition):
        if isinstance(value, CurrentItem):
            yield ExpressionError(value.position, "CurrentItem cannot stand after IF")


def _of_condition(condition: Condition, expression: Expression, schemas: Schemas) -> Iterator[ExpressionError]:
    column = _column(condition.property, schemas)
    if isinstance(column, ExpressionError):
        yield column
        return
    if condition.property.dataset in EVENTS:
        yield from _of_events(condition)
    else:
        yield from _of_column(condition, column)
        for value in values(condition):
            if isinstance(value, CurrentItem):
                yield from _of_seed(value, condition, column, expression, schemas)
    yield from _of_placeholders(condition, column)


def _column(found: Property, schemas: Schemas) -> Column | ExpressionError:
    dataset = "USERS" if found.dataset == CURRENT_USER else found.dataset
    schema = schemas.get(dataset)
    if schema is None:
        return ExpressionError(found.position, f"the dataset group has no {SPELLED[dataset]} dataset")
    columns = {column.name.upper(): column for column in schema.columns}
    if found.dataset in EVENTS and found.column != EVENT_TYPE:
        return ExpressionError(
            found.position, f"found {found}; of {SPELLED[dataset]} only {EVENT_TYPE} can be filtered"
        )
    if found.column not in columns:
        offered = hint(found.column, (column.name for column in schema.columns))
        return ExpressionError(found.position, f"{SPELLED[dataset]} has no column {found.column}{offered}")
    return columns[found.column]


def _of_events(condition: Condition) -> Iterator[ExpressionError]:
    if isinstance(condition, Comparison):
        found = condition.property
        yield ExpressionError(found.position, f"{found} takes IN and NOT IN; found {condition.operator}")
        return
    listed = values(condition)
    for value in listed:
        if isinstance(value, Number | CurrentItem):
            yield ExpressionError(value.position, f"found {value}; event types are texts in quotes")
        elif isinstance(value, Text) and value.value == ANY_TYPE and len(listed) > 1:
            yield ExpressionError(value.position, "* stands for all event types; it must be alone in its list")


def _of_column(condition: Condition, column: Column) -> Iterator[ExpressionError]:
    found = condition.property
    if column.textual:
        yield ExpressionError(found.position, f"{found} is textual; textual columns cannot be filtered")
    elif column.kind == "boolean":
        rule = 'declare the column as a string of "True" and "False", or as an int of 0 and 1'
        yield ExpressionError(found.position, f"{found} is boolean; boolean columns cannot be filtered, {rule}")
    elif found.dataset == "ACTIONS" and found.column in OF_THE_SERVICE:
        yield ExpressionError(found.position, f"{found} is applied by the service itself and cannot be filtered")
    elif column.is_number:
        for value in values(condition):
            if isinstance(value, Text):
                yield ExpressionError(value.position, f"{found} is a number; found {value}")
    else:
        yield from _of_texts(condition)


def _of_texts(condition: Condition) -> Iterator[ExpressionError]:
    found = condition.property
    if isinstance(condition, Comparison) and condition.operator not in ("=", "!="):
        rule = f"{found} is a string and takes IN and NOT IN"
        yield ExpressionError(found.position, f"{rule}; found {condition.operator}")
    for value in values(condition):
        if isinstance(value, Number):
            yield ExpressionError(value.position, f'{found} is a string; write "{value}" in quotes')
        elif isinstance(value, Text) and value.value == ANY_TYPE:
            yield ExpressionError(value.position, f"* is for {EVENT_TYPE}; found it with {found}")


def _of_seed(
    seed: CurrentItem, condition: Condition, column: Column, expression: Expression, schemas: Schemas
) -> Iterator[ExpressionError]:
    if condition.property.dataset != "ITEMS" or expression.subject != "ItemID":
        if condition.property.dataset != CURRENT_USER:
            yield ExpressionError(seed.position, f"CurrentItem is for filters of ItemID on Items; found {seed}")
        return
    theirs = _column(Property("ITEMS", seed.column, seed.position), schemas)
    if isinstance(theirs, ExpressionError):
        yield theirs
    elif theirs.textual or theirs.kind == "boolean" or theirs.is_number != column.is_number:
        kinds = f"{condition.property} is of type {column.kind}, {seed} of type {theirs.kind}"
        yield ExpressionError(seed.position, f"both sides must be numbers, or both strings; {kinds}")


def _of_placeholders(condition: Condition, column: Column) -> Iterator[ExpressionError]:
    """Not with NOT IN, nor with `!=` of a string, which means the same."""
    if isinstance(condition, Comparison):
        refused = condition.operator == "!=" and not column.is_number
    else:
        refused = condition.negated
    for value in values(condition) if refused else ():
        if isinstance(value, Placeholder):
            yield PlaceholderError(value.position, value.name)
