"""Filter expressions as text: the grammar, and how what it finds becomes the tree of `filters`.

Keywords, datasets and columns are read in any case, blanks and line breaks are free; texts keep their case. Amazon
publishes the outline of the grammar and its rules in prose; where both are silent, AND binds tighter than OR and texts
have no escapes.
Source: https://docs.aws.amazon.com/personalize/latest/dg/filter-expressions.html
"""

from collections.abc import Mapping
from typing import Any

from openpersonalize.expressions import filters
from openpersonalize.expressions.faults import ExpressionError, hint
from openpersonalize.expressions.filters import (
    CURRENT_USER,
    Comparison,
    Condition,
    CurrentItem,
    Expression,
    Filter,
    Membership,
    Number,
    Placeholder,
    Property,
    Subject,
    Text,
    Value,
)
from openpersonalize.expressions.syntax import Phrase, Syntax, Word

LONGEST_NAME = 50
"""Characters of a parameter's name."""

GRAMMAR = r"""
start: expression ("|" expression)*
expression: VERB SUBJECT _WHERE where only_if?
where: together (OR together)*
together: condition (_AND condition)*
only_if: _IF condition (_AND condition)*

?condition: property (NOT? IN | NOT_IN) _among -> membership
    | property OPERATOR (_operand | "(" _operand ")") -> comparison
property: NAME "." NAME
current_item: CURRENT_ITEM "." NAME

_among: "(" _element ("," _element)* ")" | current_item
_element: TEXT | NUMBER | PLACEHOLDER | ANY
_operand: TEXT | NUMBER | PLACEHOLDER | current_item

VERB: /(INCLUDE|EXCLUDE)\b/i
SUBJECT: /(ItemID|UserID|ActionID)\b/i
_WHERE: /WHERE\b/i
_AND: /AND\b/i
OR: /OR\b/i
_IF: /IF\b/i
IN: /IN\b/i
NOT: /NOT\b/i
NOT_IN: /NOT_IN\b/i
CURRENT_ITEM.1: /CurrentItem\b/i
OPERATOR: "<=" | ">=" | "!=" | "=" | "<" | ">"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
TEXT: /"[^"]*"|'[^']*'/
NUMBER: /-?[0-9]+(\.[0-9]+)?/
PLACEHOLDER: /\$[A-Za-z0-9_]+/
ANY: "*"
%ignore /\s+/
"""
_SYNTAX = Syntax(
    GRAMMAR,
    {
        "VERB": "INCLUDE or EXCLUDE",
        "SUBJECT": "ItemID, UserID or ActionID",
        "_WHERE": "WHERE",
        "_AND": "AND",
        "OR": "OR",
        "_IF": "IF",
        "NOT": "NOT IN",
        "NOT_IN": "NOT IN",
        "CURRENT_ITEM": "CurrentItem",
        "OPERATOR": "a comparison",
        "NAME": "a name",
        "TEXT": "a text in quotes",
        "NUMBER": "a number",
        "PLACEHOLDER": "a $parameter",
        "ANY": "*",
        "VBAR": "|",
        "LPAR": "(",
        "RPAR": ")",
        "DOT": "a dot",
        "COMMA": "a comma",
    },
)
_SUBJECTS: Mapping[str, Subject] = {"ITEMID": "ItemID", "USERID": "UserID", "ACTIONID": "ActionID"}
_DATASETS = {
    "ITEMS": "ITEMS",
    "ITEM": "ITEMS",
    "USERS": "USERS",
    "USER": "USERS",
    "INTERACTIONS": "INTERACTIONS",
    "ACTIONS": "ACTIONS",
    "ACTION": "ACTIONS",
    "ACTION_INTERACTIONS": "ACTION_INTERACTIONS",
    "CURRENTUSER": CURRENT_USER,
}


def parse(text: str) -> Filter:
    """The tree of a filter expression; raises ExpressionError that tells the place, what stands there and the rule.

    >>> filters.write(parse("exclude ItemId where items.price>$BUDGET"))
    'EXCLUDE ItemID WHERE Items.PRICE > $BUDGET'
    """
    return Filter(tuple(_expression(phrase) for phrase in _SYNTAX.read(text).phrases))


def _expression(phrase: Phrase) -> Expression:
    verb, subject = phrase.words
    where, *guards = phrase.phrases
    return Expression(
        "INCLUDE" if verb.text.upper() == "INCLUDE" else "EXCLUDE",
        _SUBJECTS[subject.text.upper()],
        tuple(tuple(map(_condition, together.phrases)) for together in where.phrases),
        tuple(_condition(condition) for guard in guards for condition in guard.phrases),
        verb.position,
    )


def _condition(phrase: Phrase) -> Condition:
    column, *_ = phrase.phrases
    operators = [word for word in phrase.words if word.kind in ("NOT", "IN", "NOT_IN", "OPERATOR")]
    right = [_value(part) for part in phrase.parts[1:] if part not in operators]
    if phrase.rule == "comparison":
        operator: Any = operators[0].text
        return Comparison(_property(column), operator, right[0])
    seed = next((value for value in right if isinstance(value, CurrentItem)), None)
    listed = tuple(value for value in right if not isinstance(value, CurrentItem))
    return Membership(_property(column), operators[0].kind != "IN", seed or listed)


def _property(phrase: Phrase) -> Property:
    dataset, column = phrase.texts
    known = _DATASETS.get(dataset.upper())
    if known is None:
        offered = hint(dataset, filters.SPELLED.values())
        raise ExpressionError(phrase.position, f"there is no dataset {dataset}{offered}")
    return Property(known, column.upper(), phrase.position)


def _value(part: Word | Phrase) -> Value | CurrentItem:
    if isinstance(part, Phrase):
        return CurrentItem(part.texts[1].upper(), part.position)
    if part.kind == "NUMBER":
        return Number(float(part.text) if "." in part.text else int(part.text), part.position)
    if part.kind == "ANY":
        return Text(filters.ANY_TYPE, part.position)
    if part.kind == "PLACEHOLDER":
        return _placeholder(part.text, part.position)
    text = part.text[1:-1]
    # Command-line samples quote parameters; between single quotes the dollar sign is a character like others.
    if part.text[0] == '"' and filters.PLACEHOLDER.fullmatch(text):
        return _placeholder(text, part.position)
    return Text(text, part.position)


def _placeholder(text: str, position: int) -> Placeholder:
    name = text[1:]
    if len(name) > LONGEST_NAME:
        rule = f"a parameter's name has at most {LONGEST_NAME} characters"
        raise ExpressionError(position, f"${name} has {len(name)}; {rule}")
    return Placeholder(name, position)
