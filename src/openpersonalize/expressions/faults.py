"""What is wrong with an expression: the place, what stands there and what would be right."""

import difflib
from collections.abc import Iterable


class ExpressionError(ValueError):
    """A broken rule; `position` counts characters from 1, in the text as it was given."""

    def __init__(self, position: int, sentence: str) -> None:
        super().__init__(f"Character {position}: {sentence}")
        self.position = position
        self.sentence = sentence


def hint(wrong: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the nearest of `known`, or all of them when none is near.

    >>> hint("PRIZE", ["ITEM_ID", "PRICE"])
    '; did you mean PRICE?'
    >>> hint("X", ["ITEM_ID", "PRICE"])
    '; there are ITEM_ID, PRICE'
    """
    names = list(known)
    near = difflib.get_close_matches(wrong.upper(), names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(names)}" if names else ""
