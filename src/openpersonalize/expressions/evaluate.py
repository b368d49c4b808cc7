"""A filter applied: which candidates of a request it keeps.

`prepare` looks at the filter and the table once and answers there whatever no request can change; `Prepared.keep` does
the rest with arrays. The rules where Amazon is silent: a missing value satisfies only NOT IN and !=, a missing value of
the user who asks or of the seed item satisfies nothing, and Interactions.EVENT_TYPE NOT IN means items the user has
interacted with, but never in the listed ways.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from openpersonalize.expressions import values
from openpersonalize.expressions.columns import MISSING, Bools, Cell, Column, Ints, Numbers, Table, Texts
from openpersonalize.expressions.filters import (
    ANY_TYPE,
    Comparison,
    Condition,
    CurrentItem,
    Expression,
    Filter,
    Membership,
    Placeholder,
    Value,
)

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Candidates:
    """What may be kept: the row of each in the table, and the place of each id among them."""

    rows: Ints
    places: Mapping[str, int]


@dataclass(frozen=True)
class Asked:
    """What a filter may look at besides the table.

    `events` are the considered events as (id, event type): of an item by the user who asks, or of a user where users
    are filtered. `user` has the user's row by names in capitals, `seed` is the row of the seed item, and `given` holds
    the members of the parameters' values.
    """

    events: Sequence[tuple[str, str]] = ()
    user: Mapping[str, Cell] = field(default_factory=dict)
    seed: int = MISSING
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Test: TypeAlias = Callable[[Candidates, Asked], Bools]


@dataclass(frozen=True)
class _Rule:
    expression: Expression
    alternatives: tuple[tuple[Test, ...], ...]

    def applies(self, asked: Asked) -> bool:
        """Whether all values are there, and the user is one whom the IF means."""
        if not self.expression.placeholders <= asked.given.keys():
            return False
        return all(_holds(condition, asked) for condition in self.expression.only_if)

    def mask(self, candidates: Candidates, asked: Asked) -> Bools:
        found = np.zeros(len(candidates.rows), np.bool_)
        for together in self.alternatives:
            found |= np.logical_and.reduce([test(candidates, asked) for test in together])
        return found


@dataclass(frozen=True)
class Prepared:
    """A filter bound to a table; safe for many threads."""

    tree: Filter
    rules: tuple[_Rule, ...]

    def keep(self, candidates: Candidates, asked: Asked) -> Bools:
        """For each candidate whether it stays; raises FilterValueError when a value does not fit its place."""
        applied = [(rule.expression.verb, rule.mask(candidates, asked)) for rule in self.rules if rule.applies(asked)]
        includes = [mask for verb, mask in applied if verb == "INCLUDE"]
        excludes = [mask for verb, mask in applied if verb == "EXCLUDE"]
        kept = np.logical_or.reduce(includes) if includes else np.ones(len(candidates.rows), np.bool_)
        for mask in excludes:
            kept &= ~mask
        return kept


def prepare(tree: Filter, table: Table) -> Prepared:
    """Bind a checked filter to the table of what it filters: items, users or actions."""
    return Prepared(
        tree,
        tuple(
            _Rule(
                expression,
                tuple(
                    tuple(_test(condition, table.columns) for condition in together)
                    for together in expression.alternatives
                ),
            )
            for expression in tree.expressions
        ),
    )


def _test(condition: Condition, columns: Mapping[str, Column]) -> Test:
    if isinstance(condition, Membership) and condition.property.dataset.endswith("INTERACTIONS"):
        return _event_test(condition)
    column = columns[condition.property.column]
    right = condition.operand if isinstance(condition, Comparison) else condition.among
    if isinstance(right, CurrentItem):
        return _seed_test(condition, column, columns[right.column])
    listed = right if isinstance(right, tuple) else (right,)
    if not any(isinstance(value, Placeholder) for value in listed):
        everywhere = _matching(condition, column, _resolved(listed, {}), slice(None))
        return lambda candidates, _asked: everywhere[candidates.rows]
    return lambda candidates, asked: _matching(condition, column, _resolved(listed, asked.given), candidates.rows)


def _resolved(listed: tuple[Value, ...], given: Mapping[str, tuple[str, ...]]) -> list[tuple[str, tuple[Any, ...]]]:
    """Per listed value the parameter it came from, or nothing, and its members."""
    return [
        (value.name, given[value.name]) if isinstance(value, Placeholder) else ("", (value.value,)) for value in listed
    ]


def _matching(
    condition: Condition, column: Column, resolved: list[tuple[str, tuple[Any, ...]]], rows: Ints | slice
) -> Bools:
    if isinstance(column, Texts):
        wanted = [member for _, members in resolved for member in members]
        return _texts(condition, column, wanted, rows)
    if isinstance(condition, Comparison):
        ((name, members),) = resolved
        return _numbers(condition, column, [values.number(name, members) if name else members[0]], rows)
    listed = [values.numbers(name, members) if name else members for name, members in resolved]
    return _numbers(condition, column, [one for members in listed for one in members], rows)


def _texts(condition: Condition, column: Texts, wanted: Sequence[str], rows: Ints | slice) -> Bools:
    cells = column.having(wanted)
    if _negated(condition):
        cells = ~cells
    found: Bools = cells[column.codes[rows]]
    return found


def _numbers(condition: Condition, column: Numbers, wanted: Sequence[float], rows: Ints | slice) -> Bools:
    present = column.values[rows]
    if isinstance(condition, Comparison):
        compared: Bools = _COMPARE[condition.operator](present, wanted[0])
        return compared
    return np.isin(present, wanted, invert=condition.negated)


def _negated(condition: Condition) -> bool:
    return condition.operator == "!=" if isinstance(condition, Comparison) else condition.negated


def _seed_test(condition: Condition, column: Column, theirs: Column) -> Test:
    def test(candidates: Candidates, asked: Asked) -> Bools:
        if isinstance(column, Texts) and isinstance(theirs, Texts):
            members = theirs.members(asked.seed)
            if members:
                return _texts(condition, column, members, candidates.rows)
        elif isinstance(column, Numbers) and isinstance(theirs, Numbers):
            value = float(theirs.values[asked.seed])
            if not np.isnan(value):
                return _numbers(condition, column, [value], candidates.rows)
        return np.zeros(len(candidates.rows), np.bool_)

    return test


def _event_test(condition: Membership) -> Test:
    listed = condition.among if isinstance(condition.among, tuple) else ()
    of_actions = condition.property.dataset == "ACTION_INTERACTIONS"

    def test(candidates: Candidates, asked: Asked) -> Bools:
        kinds = {_folded(str(kind), of_actions) for _, members in _resolved(listed, asked.given) for kind in members}
        every, places = ANY_TYPE in kinds, candidates.places
        chosen = [one for one, kind in asked.events if every or _folded(kind, of_actions) in kinds]
        listed_places = [places.get(one, MISSING) for one in chosen]
        found = _marked(listed_places, len(candidates.rows))
        if not condition.negated:
            return found
        return _marked([places.get(one, MISSING) for one, _ in asked.events], len(candidates.rows)) & ~found

    return test


def _folded(kind: str, of_actions: bool) -> str:  # noqa: FBT001 - of which dataset the event type is
    """An event type as it is compared: in any case; that of an action is put as `Not Taken` and kept as NOT_TAKEN."""
    return kind.casefold().replace(" ", "_") if of_actions else kind.casefold()


def _marked(places: Sequence[int], count: int) -> Bools:
    marked = np.zeros(count + 1, np.bool_)
    marked[places if len(places) else []] = True
    return marked[:-1]


def _holds(condition: Condition, asked: Asked) -> bool:
    """Whether a condition on the user who asks is true; without a value it is not."""
    present = asked.user.get(condition.property.column)
    if present is None:
        return False
    right = condition.operand if isinstance(condition, Comparison) else condition.among
    listed = right if isinstance(right, tuple) else () if isinstance(right, CurrentItem) else (right,)
    resolved = _resolved(listed, asked.given)
    if isinstance(present, tuple):
        wanted = {member for _, members in resolved for member in members}
        return bool(wanted.intersection(present)) != _negated(condition)
    column = Numbers.of([present])
    return bool(_matching(condition, column, resolved, np.array([0]))[0])
