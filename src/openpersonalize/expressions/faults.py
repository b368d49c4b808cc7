"""What is wrong with an expression: the place, what stands there and what would be right."""

import difflib
from collections.abc import Iterable


class ExpressionError(ValueError):
    """A broken rule; `position` counts characters from 1, in the text as it was given."""

    def __init__(self, position: int, sentence: str) -> None:
        super().__init__(f"Character {position}: {sentence}")
        self.position = position
        self.sentence = sentence


class PlaceholderError(ExpressionError):
    """A parameter where none may stand; Amazon documents the wording."""

    def __init__(self, position: int, name: str) -> None:
        super().__init__(position, f"${name}. Placeholders are not allowed with NOT_IN operator.")


def hint(wrong: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the nearest of `known`, or all of them when none is near.

    >>> hint("PRIZE", ["ITEM_ID", "PRICE"])
    '; did you mean PRICE?'
    >>> hint("X", ["ITEM_ID", "PRICE"])
    '; there are ITEM_ID, PRICE'
    """
    names = {name.upper(): name for name in known}
    near = difflib.get_close_matches(wrong.upper(), names, n=1)
    if near:
        return f"; did you mean {names[near[0]]}?"
    return f"; there are {', '.join(names.values())}" if names else ""
