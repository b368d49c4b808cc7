"""A grammar at work: text becomes phrases and words, or an error that says what was found and what would be right.

Lark is loaded, and the grammar compiled, when a first text is read: both take tenths of a second.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from openpersonalize.expressions.faults import ExpressionError

if TYPE_CHECKING:
    from lark import Lark, Token, Tree, UnexpectedInput


@dataclass(frozen=True)
class Word:
    """A terminal of the grammar, where it stands (counted from 1)."""

    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Phrase:
    """A rule of the grammar and what it found."""

    rule: str
    parts: "tuple[Part, ...]"

    @property
    def position(self) -> int:
        """Where its first word stands."""
        return self.parts[0].position

    @property
    def words(self) -> "list[Word]":
        """The words among its parts."""
        return [part for part in self.parts if isinstance(part, Word)]

    @property
    def texts(self) -> list[str]:
        """The texts of the words among its parts."""
        return [word.text for word in self.words]

    @property
    def phrases(self) -> "list[Phrase]":
        """The phrases among its parts."""
        return [part for part in self.parts if isinstance(part, Phrase)]


_QUOTES = "\"'"

Part: TypeAlias = Word | Phrase


class Syntax:
    """A grammar in Lark's notation; `words` gives each terminal the form in which messages name it."""

    def __init__(self, grammar: str, words: Mapping[str, str]) -> None:
        self._grammar = grammar
        self._words = {"$END": "the end", "<END-OF-FILE>": "the end", **words}

    @cached_property
    def _parser(self) -> "Lark":
        from lark import Lark

        return Lark(self._grammar, parser="lalr", maybe_placeholders=False)

    def read(self, text: str) -> Phrase:
        """The phrase that `text` is; raises ExpressionError at the first character that does not fit."""
        from lark import UnexpectedInput

        parser = self._parser
        try:
            return _phrase(parser.parse(text))
        except UnexpectedInput as fault:
            raise self._told(text, fault) from None

    def _told(self, text: str, fault: "UnexpectedInput") -> ExpressionError:
        token: Any = getattr(fault, "token", None)
        fitting: Iterable[str] = getattr(fault, "accepts", None) or getattr(fault, "allowed", None) or ()
        if token is None:
            at: int = getattr(fault, "pos_in_stream", 0)
            if text[at] in _QUOTES:
                return ExpressionError(at + 1, f"the text that begins here has no closing {text[at]}")
            found = f"found '{text[at]}'"
        elif token.type == "$END":
            at, found = len(text), "the text ends"
        else:
            at, found = token.start_pos, f"found '{token}'"
        return ExpressionError(at + 1, f"{found}; expected {self._listed(fitting)}")

    def _listed(self, terminals: Iterable[str]) -> str:
        names = sorted({self._words.get(terminal, terminal) for terminal in terminals})
        return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _phrase(tree: "Tree[Token]") -> Phrase:
    return Phrase(str(tree.data), tuple(_part(child) for child in tree.children))


def _part(child: "Tree[Token] | Token") -> Part:
    from lark import Tree

    if isinstance(child, Tree):
        return _phrase(child)
    return Word(child.type, str(child), (child.start_pos or 0) + 1)
