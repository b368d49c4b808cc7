"""What a search for hyperparameters may be told: ranges inside those of the recipe, and a number of trainings.

Source: https://docs.aws.amazon.com/personalize/latest/dg/customizing-solution-config-hpo.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from openpersonalize.recipes import catalog
from openpersonalize.recipes.recipe import Hyperparameter

_WHERE = "solutionConfig.hpoConfig"
_KINDS = {
    "integerHyperParameterRanges": ("integer",),
    "continuousHyperParameterRanges": ("float",),
    "categoricalHyperParameterRanges": ("boolean", "string"),
}
_SECTIONS = ("training.", "data.")
"""Describe calls of Amazon's put these before the names of parameters; both forms are taken."""


def faults(recipe: catalog.Recipe, config: Mapping[str, Any], *, perform_hpo: bool) -> Iterator[str]:
    """The broken rules of a search."""
    if perform_hpo and "hpo" not in recipe.abilities:
        yield f"performHPO: the recipe {recipe.name} has no hyperparameters that can be tuned."
    if config.get("hpoConfig") and not perform_hpo:
        yield f"{_WHERE} needs performHPO to be true."
    ranges = (config.get("hpoConfig") or {}).get("algorithmHyperParameterRanges") or {}
    tunable = {parameter.name: parameter for parameter in recipe.hyperparameters if parameter.tunable}
    for member, types in _KINDS.items():
        for place, given in enumerate(ranges.get(member) or (), start=1):
            where = f"{_WHERE}.algorithmHyperParameterRanges.{member}.{place}.member"
            parameter = tunable.get(_plain(given.get("name") or ""))
            if parameter is None or parameter.type not in types:
                known = ", ".join(name for name, one in tunable.items() if one.type in types) or "none"
                yield f"{where}.name: '{given.get('name')}' cannot be tuned so; {recipe.name} has here: {known}."
            elif parameter.values:
                yield from _categories(where, parameter, given.get("values") or ())
            else:
                yield from _range(where, parameter, given)


def _plain(name: str) -> str:
    return next((name.removeprefix(section) for section in _SECTIONS if name.startswith(section)), name)


def _categories(where: str, parameter: Hyperparameter, values: Any) -> Iterator[str]:
    for place, text in enumerate(values, start=1):
        if text not in parameter.values:
            yield f"{where}.values.{place}.member: '{text}' must be {parameter.rule}."


def _range(where: str, parameter: Hyperparameter, given: Mapping[str, Any]) -> Iterator[str]:
    low, high = given.get("minValue", parameter.low), given.get("maxValue", parameter.high)
    for member, value in (("minValue", low), ("maxValue", high)):
        if not parameter.low <= value <= parameter.high:
            yield f"{where}.{member}: {value:g} must be {parameter.rule}."
    if low > high:
        yield f"{where}: minValue {low:g} is above maxValue {high:g}."


def jobs(config: Mapping[str, Any], most: int, most_at_once: int) -> Iterator[str]:
    """The broken rules of `hpoResourceConfig`, whose members are numbers in strings."""
    where, given = f"{_WHERE}.hpoResourceConfig", config.get("hpoConfig") or {}
    resources = given.get("hpoResourceConfig") or {}
    for member, limit in (("maxNumberOfTrainingJobs", most), ("maxParallelTrainingJobs", most_at_once)):
        text = resources.get(member)
        if text is not None and not (re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= limit):
            yield f"{where}.{member}: '{text}' must be a whole number from 1 to {limit}."
