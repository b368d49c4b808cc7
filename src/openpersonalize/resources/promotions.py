"""Promotions: a share of a list that is kept for the best items of a filter of its own.

Source: https://docs.aws.amazon.com/personalize/latest/dg/promoting-items.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openpersonalize.errors import InvalidInputException
from openpersonalize.resources import filtering
from openpersonalize.resources.context import Context


@dataclass(frozen=True)
class Promoted:
    """What a request promotes: `percent` of its list, chosen by a filter; `name` comes back with each such item."""

    percent: int
    filtered: filtering.Named
    name: str | None


def named(ctx: Context, asking: filtering.Asking, promotions: Sequence[Mapping[str, Any]] | None) -> Promoted | None:
    """The promotion of a request, None where it has none; raises InvalidInputException for one that cannot serve it."""
    if not promotions:
        return None
    (promotion,) = promotions  # the shape allows one
    faults = [
        f"promotions.1.member.{member} is required."
        for member in ("percentPromotedItems", "filterArn")
        if member not in promotion
    ]
    if "promotions" not in asking.recipe.abilities:
        faults.append(f"promotions are not supported by the recipe {asking.recipe.name}.")
    if faults:
        raise InvalidInputException(" ".join(faults))
    filtered = filtering.required(ctx, asking, promotion["filterArn"], promotion.get("filterValues"))
    return Promoted(promotion["percentPromotedItems"], filtered, promotion.get("name"))
