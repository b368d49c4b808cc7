"""The values that a request gives to the parameters of a filter.

Each comes as one text that holds quoted members, separated by commas: `"Drama","Comedy"`; a number stands bare.
Source: https://docs.aws.amazon.com/personalize/latest/dg/filter-real-time.html
"""

import re
from collections.abc import Mapping

from openpersonalize.expressions.filters import Filter

_MEMBER = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|((?!["'])[^,]*?))\s*(?:,|$)""")


class FilterValueError(ValueError):
    """A parameter's value is missing, or not what its place in the filter needs."""


def read(tree: Filter, given: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The members of each given value, by parameter.

    Raises FilterValueError for parameters the filter does not have, and for those that an INCLUDE expression needs and
    nobody gave; an EXCLUDE expression without its values is left out by `evaluate`.
    """
    unknown = sorted(given.keys() - tree.placeholders)
    if unknown:
        known = ", ".join(sorted(tree.placeholders)) or "none"
        raise FilterValueError(f"The filter has no parameter {', '.join(unknown)}; its parameters are: {known}")
    needed = {
        name for expression in tree.expressions if expression.verb == "INCLUDE" for name in expression.placeholders
    }
    missing = sorted(needed - given.keys())
    if missing:
        raise FilterValueError("; ".join(f"Value for parameter {name} is required" for name in missing))
    return {name: members(name, text) for name, text in given.items()}


def members(name: str, text: str) -> tuple[str, ...]:
    """The members of one value; blanks around them are dropped, commas between quotes belong to them.

    >>> members("GENRES", '"Drama, dark", "Comedy"')
    ('Drama, dark', 'Comedy')
    >>> members("MAX", "19.99")
    ('19.99',)
    """
    found, at = [], 0
    while at < len(text) or text[-1:] == ",":
        match = _MEMBER.match(text, at)
        if match is None:
            rule = 'write members in quotes, separated by commas, as in "Drama","Comedy"'
            raise FilterValueError(f"The value of parameter {name} breaks at character {at + 1}; {rule}")
        member = next(group for group in match.groups() if group is not None)
        if not member:
            raise FilterValueError(f"The value of parameter {name} has an empty member at character {at + 1}")
        found.append(member)
        at = match.end()
    if not found:
        raise FilterValueError(f"The value of parameter {name} is empty")
    return tuple(found)


def number(name: str, members: tuple[str, ...]) -> float:
    """The one number a comparison needs; raises FilterValueError."""
    if len(members) == 1:
        return numbers(name, members)[0]
    raise FilterValueError(f"The value of parameter {name} must be one number; got {len(members)} members")


def numbers(name: str, members: tuple[str, ...]) -> tuple[float, ...]:
    """All members as numbers; raises FilterValueError."""
    for member in members:
        if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", member):
            raise FilterValueError(f"The value of parameter {name} must be a number; got '{member}'")
    return tuple(map(float, members))
