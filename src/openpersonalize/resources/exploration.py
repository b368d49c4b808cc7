"""`itemExplorationConfig`: how much of a list tries out new items, and until which age they are new.

Source: https://docs.aws.amazon.com/personalize/latest/dg/native-recipe-new-item-USER_PERSONALIZATION.html
"""

import math
from collections.abc import Mapping

_LIMITS = {"explorationWeight": (0.0, 1.0), "explorationItemAgeCutOff": (1.0, float("inf"))}


def faults(member: str, config: Mapping[str, str]) -> list[str]:
    """Every broken rule of the map below `member`, naming setting, value and rule; the age is in days."""
    found = []
    for name, text in config.items():
        where = f"{member}.itemExplorationConfig.{name}"
        if name not in _LIMITS:
            found.append(f"{where}: there is no such setting; there are {', '.join(_LIMITS)}.")
        elif not _within(text, *_LIMITS[name]):
            low, high = _LIMITS[name]
            limit = f"{low:g} or more" if high == float("inf") else f"from {low:g} to {high:g}"
            found.append(f"{where}: '{text}' must be a number {limit}.")
    return found


def _within(text: str, low: float, high: float) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and low <= number <= high
