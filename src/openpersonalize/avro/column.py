"""One column: its type and the values it may hold, the same for a cell of a file and a member of `properties`."""

import math
import re
from dataclasses import dataclass
from typing import Any

NUMBERS = frozenset({"int", "long", "float", "double"})
LATEST_SECOND = 10**11
"""Later times are milliseconds by mistake; 10**11 seconds is the year 5138."""

WHOLE_RANGES = {"int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_WHOLE = re.compile(r"\s*-?[0-9]+\s*")
_DECIMAL = re.compile(r"\s*-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")


@dataclass(frozen=True)
class Column:
    """One field of a schema; `low`, `high`, `length` and `words` bound its values and follow from name and dataset."""

    name: str
    kind: str
    nullable: bool = False
    categorical: bool = False
    textual: bool = False
    item_name: bool = False
    low: int | None = None
    high: int | None = None
    length: int | None = None
    words: tuple[str, ...] = ()

    @property
    def property_key(self) -> str:
        """The key of this column in `properties`.

        >>> Column("GENRE_L2", "string").property_key
        'genreL2'
        """
        first, *rest = self.name.split("_")
        return first.lower() + "".join(part.capitalize() for part in rest)

    @property
    def is_number(self) -> bool:
        """Whether values are numbers; booleans are not."""
        return self.kind in NUMBERS

    @property
    def is_metadata_kind(self) -> bool:
        """Whether training can use the column: a number, a category or free text."""
        return self.is_number or self.categorical or self.textual

    def coerce(self, value: Any) -> Any:
        """The value as this column stores it: str, int, float, bool or None; free text is cut at 20,000 characters.

        Blank text is null. Numbers and booleans may come as text, several categories as a list. Raises ValueError whose
        text is the broken rule, without the column's name.

        >>> Column("PRICE", "float").coerce("12.5")
        12.5
        >>> Column("GENRES", "string", categorical=True, length=1000).coerce(["drama", "noir"])
        'drama|noir'
        """
        if value is None or value == "":
            if self.nullable:
                return None
            raise ValueError("a value is required, the column is not nullable")
        if self.kind == "string":
            return self._text(value)
        if self.kind == "boolean":
            return _boolean(value)
        number = _whole(value) if self.kind in WHOLE_RANGES else _decimal(value)
        return self._within(number)

    def _text(self, value: Any) -> str | None:
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = "|".join(value)
            if not value:
                return self.coerce(None)  # type: ignore[no-any-return]
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, int | float):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("must be a string")  # noqa: TRY004
        return self._word(self._fitting(_storable(value)))

    def _fitting(self, value: str) -> str:
        if self.length is None or len(value) <= self.length:
            return value
        if self.textual:
            return value[: self.length]
        raise ValueError(f"length cannot be more than {self.length} characters")

    def _word(self, value: str) -> str:
        """Words are told apart without case, and a blank stands for an underscore."""
        if not self.words:
            return value
        word = value.strip().upper().replace(" ", "_")
        if word not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}")
        return word

    def _within(self, number: float) -> float:
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            if self.high == LATEST_SECOND:
                raise ValueError(f"must be a time in Unix epoch seconds, at most {LATEST_SECOND}")
            raise ValueError(f"must be between {self.low} and {self.high}")
        return number


def _storable(value: str) -> str:
    """Refuses what JSON can spell but neither UTF-8 nor PostgreSQL can hold."""
    if "\0" in value or (not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value)):
        raise ValueError("must not contain a null character or half a surrogate pair")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError("must be true or false")


def _whole(value: Any) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value == int(value):
        return int(value)
    raise ValueError("must be a whole number")


def _decimal(value: Any) -> float:
    number = math.nan
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        number = float(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) < 10**308 else math.inf
    if not math.isfinite(number):
        raise ValueError("must be a number")
    return number
