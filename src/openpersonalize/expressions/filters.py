"""The tree of a filter expression, and its canonical text.

    INCLUDE ItemID WHERE Items.GENRES IN ($GENRES) AND Items.STOCK > 0
    | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")

`filter_grammar` reads the text into this tree, `check` holds it against schemas, `evaluate` applies it. Positions are
for messages only: two trees are equal wherever their words stood.
Source: https://docs.aws.amazon.com/personalize/latest/dg/filter-expressions.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Literal, TypeAlias

Verb: TypeAlias = Literal["INCLUDE", "EXCLUDE"]
Subject: TypeAlias = Literal["ItemID", "UserID", "ActionID"]
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

ANY_TYPE = "*"
"""The event type that stands for all."""

CURRENT_USER = "CURRENT_USER"
"""Where other properties name a dataset, those after IF name the user who asks."""

SPELLED = {
    "ITEMS": "Items",
    "USERS": "Users",
    "INTERACTIONS": "Interactions",
    "ACTIONS": "Actions",
    "ACTION_INTERACTIONS": "Action_Interactions",
    CURRENT_USER: "CurrentUser",
}
PLACEHOLDER = re.compile(r"\$[A-Za-z0-9_]+")


def _position() -> int:
    return field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Property:
    """A column of a dataset; `column` is in capitals, and names the schema's column whatever its case."""

    dataset: str
    column: str
    position: int = _position()

    def __str__(self) -> str:
        return f"{SPELLED[self.dataset]}.{self.column}"


@dataclass(frozen=True)
class CurrentItem:
    """The value that the seed item of the request has in a column."""

    column: str
    position: int = _position()

    def __str__(self) -> str:
        return f"CurrentItem.{self.column}"


@dataclass(frozen=True)
class Placeholder:
    """A value that comes with each request; `name` is without the dollar sign, and its case counts."""

    name: str
    position: int = _position()

    def __str__(self) -> str:
        return f"${self.name}"


@dataclass(frozen=True)
class Text:
    """A text; it cannot hold both kinds of quotes, because the language has no escapes."""

    value: str
    position: int = _position()

    def __str__(self) -> str:
        quote = "'" if '"' in self.value or PLACEHOLDER.fullmatch(self.value) else '"'
        return f"{quote}{self.value}{quote}"


@dataclass(frozen=True)
class Number:
    """A number, written without an exponent."""

    value: float
    position: int = _position()

    def __str__(self) -> str:
        text = format(Decimal(repr(self.value)), "f")
        return text if isinstance(self.value, int) or "." in text else f"{text}.0"


Value: TypeAlias = Text | Number | Placeholder


@dataclass(frozen=True)
class Membership:
    """`IN`, or `NOT IN` when `negated`, a list of values or the seed item's own."""

    property: Property
    negated: bool
    among: tuple[Value, ...] | CurrentItem

    def __str__(self) -> str:
        among = self.among if isinstance(self.among, CurrentItem) else f"({', '.join(map(str, self.among))})"
        return f"{self.property} {'NOT IN' if self.negated else 'IN'} {among}"


@dataclass(frozen=True)
class Comparison:
    """A property held against one value."""

    property: Property
    operator: Operator
    operand: Value | CurrentItem

    def __str__(self) -> str:
        return f"{self.property} {self.operator} {self.operand}"


Condition: TypeAlias = Membership | Comparison


@dataclass(frozen=True)
class Expression:
    """One INCLUDE or EXCLUDE: true where all conditions of one of the `alternatives` are; AND binds tighter than OR.

    It takes part in a request only when all conditions of `only_if` hold for the user who asks.
    """

    verb: Verb
    subject: Subject
    alternatives: tuple[tuple[Condition, ...], ...]
    only_if: tuple[Condition, ...] = ()
    position: int = _position()

    def __str__(self) -> str:
        where = " OR ".join(_joined(together) for together in self.alternatives)
        only_if = f" IF {_joined(self.only_if)}" if self.only_if else ""
        return f"{self.verb} {self.subject} WHERE {where}{only_if}"

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Those after WHERE, in order."""
        return tuple(condition for together in self.alternatives for condition in together)

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names of its parameters."""
        found = (value for condition in (*self.conditions, *self.only_if) for value in values(condition))
        return frozenset(value.name for value in found if isinstance(value, Placeholder))


@dataclass(frozen=True)
class Filter:
    """Expressions joined by `|`: what the INCLUDEs together keep, less what the EXCLUDEs remove, in whatever order."""

    expressions: tuple[Expression, ...]

    @property
    def subject(self) -> Subject:
        """What it filters; the same for all expressions of a checked filter."""
        return self.expressions[0].subject

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names of all parameters."""
        return frozenset().union(*(expression.placeholders for expression in self.expressions))

    @cached_property
    def fields(self) -> frozenset[tuple[str, str]]:
        """Dataset type and column, once each, of all that it reads: the user who asks is of USERS, a seed of ITEMS."""
        return frozenset(_fields(self))

    def reads(self, dataset: str) -> bool:
        """Whether any condition names the dataset, or CURRENT_USER."""
        return any(
            condition.property.dataset == dataset
            for expression in self.expressions
            for condition in (*expression.conditions, *expression.only_if)
        )

    @cached_property
    def reads_current_item(self) -> bool:
        """Whether any condition looks at the seed item of the request."""
        return any(
            isinstance(value, CurrentItem)
            for expression in self.expressions
            for condition in expression.conditions
            for value in values(condition)
        )


def write(tree: Filter) -> str:
    """The canonical text of a filter: reading it gives an equal tree."""
    return " | ".join(map(str, tree.expressions))


def values(condition: Condition) -> tuple[Value | CurrentItem, ...]:
    """All that stands on the right side of a condition."""
    if isinstance(condition, Comparison):
        return (condition.operand,)
    return (condition.among,) if isinstance(condition.among, CurrentItem) else condition.among


def _fields(tree: Filter) -> Iterator[tuple[str, str]]:
    for expression in tree.expressions:
        for condition in (*expression.conditions, *expression.only_if):
            dataset = condition.property.dataset
            yield "USERS" if dataset == CURRENT_USER else dataset, condition.property.column
            yield from (("ITEMS", value.column) for value in values(condition) if isinstance(value, CurrentItem))


def _joined(conditions: tuple[Condition, ...]) -> str:
    return " AND ".join(map(str, conditions))
