"""What one line of the catalogue says: a recipe and the hyperparameters a caller may set."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from openpersonalize.recipes.abilities import Ability

Value: TypeAlias = int | float | bool | str
"""A hyperparameter as its model takes it; on the wire it is always a string."""

Kind: TypeAlias = Literal["algorithm", "featurisation"]
Type: TypeAlias = Literal["integer", "float", "boolean", "string"]
Door: TypeAlias = Literal["campaign", "recommender", "batch inference", "batch segment"]
Need: TypeAlias = Literal["required", "optional", "unused"]
Scale: TypeAlias = Literal["usual", "v2", "actions"]


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One documented parameter: its place in a solution's configuration, its type, its default and what it may be.

    Numbers lie between `low` and `high`, both included; texts and booleans are one of `values`. `fixed` is false for
    a parameter that may only be given as a range to search.
    """

    name: str
    kind: Kind = "algorithm"
    type: Type
    default: str
    low: float = -math.inf
    high: float = math.inf
    values: tuple[str, ...] = ()
    tunable: bool = False
    fixed: bool = True

    def value(self, text: str) -> Value:
        """The value that a string stands for; ValueError says what would be right.

        >>> Hyperparameter(name="bptt", type="integer", default="32", low=2, high=32).value("33")
        Traceback (most recent call last):
        ValueError: a whole number between 2 and 32
        """
        try:
            value = _READERS[self.type](text)
        except ValueError:
            raise ValueError(self.rule) from None
        if not self._allows(value):
            raise ValueError(self.rule)
        return value

    @property
    def rule(self) -> str:
        """What a value must be, in words."""
        if self.values:
            return f"one of {', '.join(self.values)}"
        noun = "a whole number" if self.type == "integer" else "a number"
        return f"{noun} between {self.low:g} and {self.high:g}"

    def _allows(self, value: Value) -> bool:
        if isinstance(value, bool):
            return True
        if isinstance(value, str):
            return value in self.values
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe: what it is called, what it needs, who serves it, what it can do and what learns it.

    `events` are the event types, in any case, that alone are learned from; none: all are. `hides` is the event type
    whose items a recommender leaves out by itself. `scale` says which of the service's quotas bound the data that a
    training considers. `model` and `fitted` are dotted paths of the types before and after
    training, None where this version cannot train the recipe.
    """

    name: str
    type: str
    description: str
    created: datetime
    domain: str | None = None
    algorithm: str = ""
    feature_transformation: str = ""
    required_datasets: frozenset[str] = frozenset({"INTERACTIONS"})
    optional_datasets: frozenset[str] = frozenset({"ITEMS", "USERS"})
    served_by: frozenset[Door]
    user_id: Need
    item_id: Need = "unused"
    events: tuple[str, ...] = ()
    hides: str | None = None
    abilities: frozenset[Ability]
    hyperparameters: tuple[Hyperparameter, ...] = ()
    scale: Scale = "usual"
    model: str | None = None
    fitted: str | None = None

    @property
    def arn(self) -> str:
        """Recipes belong to the service: neither region nor account."""
        return f"arn:aws:personalize:::recipe/{self.name}"

    @property
    def algorithm_arn(self) -> str:
        """Of the algorithm; usually named like the recipe."""
        return f"arn:aws:personalize:::algorithm/{self.algorithm or self.name}"

    @property
    def feature_transformation_arn(self) -> str:
        """Of the feature transformation, which some recipes share."""
        return f"arn:aws:personalize:::feature-transformation/{self.feature_transformation or self.name}"


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


# `int` and `float` alone would also read "1_0", " 1 " and "nan"; the last fails every range.
def _integer(text: str) -> int:
    if text.strip() != text or "_" in text:
        raise ValueError(text)
    return int(text)


def _float(text: str) -> float:
    if text.strip() != text or "_" in text:
        raise ValueError(text)
    return float(text)


_READERS: dict[Type, Callable[[str], Value]] = {
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "string": str,
}
