r"""The service models' patterns are Java's; here they become Python's.

What differs: Java's `\p{…}` classes do not exist here, its `\d` means ASCII digits only, its `.` stops at more line
ends, and AWS matches the whole value, so that `^` and `$` at the ends say nothing.
"""

import re

# Patterns that take cubic time on a hostile value when backtracking, with a form that decides in one pass.
_ONE_PASS = {r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$": r"\x20*+[\x21-\x7E][\x20-\x7E]*+"}

_PART = re.compile(r"\\p\{\w+\}|\\.|.", re.DOTALL)
_ANYWHERE = {
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Z}": r"\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\d": "0-9",
}
# Python has no class for letters alone or numbers alone, but \w is exactly \p{L}, \p{N} and the underscore together.
_WORD = (r"\p{L}", r"\p{N}", "_")
_NOT_A_LINE_END = r"[^\n\r\x85\u2028\u2029]"


def translate(java: str) -> re.Pattern[str]:
    r"""A compiled pattern for `fullmatch` that accepts what `java` accepts.

    Raises ValueError for what this module does not know, so that a new service model cannot go unchecked unnoticed.

    >>> bool(translate(r"^rate\(\d+ days?\)").fullmatch("rate(7 days)"))
    True
    >>> bool(translate(r"\d+").fullmatch("٣"))
    False
    """
    if java in _ONE_PASS:
        return re.compile(_ONE_PASS[java])
    out: list[str] = []
    inside: list[str] | None = None  # the parts of the character class we are in
    for part in _PART.findall(java.removeprefix("^").removesuffix("$")):
        if inside is not None and part == "]":
            out.append(_class(inside))
            inside = None
        elif inside is not None:
            inside.append(part)
        elif part == "[":
            inside = []
        else:
            out.append(_alone(part))
    if inside is not None:
        raise ValueError(f"unclosed character class in {java!r}")
    return re.compile("".join(out))


def _alone(part: str) -> str:
    if part == ".":
        return _NOT_A_LINE_END
    return f"[{_ANYWHERE[part]}]" if part in _ANYWHERE else _known(part)


def _class(parts: list[str]) -> str:
    if all(part in parts for part in _WORD):
        parts = [r"\w", *(part for part in parts if part not in _WORD)]
    return f"[{''.join(_ANYWHERE.get(part) or _known(part) for part in parts)}]"


def _known(part: str) -> str:
    if part.startswith(r"\p"):
        raise ValueError(f"no translation for {part}")
    return part
