"""Promotions: so many places of a list for the best items of a filter of their own."""

from collections import Counter
from typing import Any

import pytest

from openpersonalize.storage.served import Group
from tests.films import GROUP, filtered, popular, shown
from tests.world import World, refused

HIGH = 'INCLUDE ItemID WHERE Items.GENRES IN ("high")'
LOW = 'INCLUDE ItemID WHERE Items.GENRES IN ("low")'
HIGH_ITEMS = {f"i{item}" for item in range(15, 30)}


def promotion(filter_arn: str, percent: int = 30, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "sale", "percentPromotedItems": percent, "filterArn": filter_arn, **more}]


def promoted(rows: list[dict[str, Any]]) -> list[str]:
    return [row["itemId"] for row in rows if "promotionName" in row]


@pytest.fixture
def campaign(filled: World) -> str:
    return filled.campaign(filled.trained(GROUP, "aws-user-personalization-v2"))


def test_promoted_items_are_the_best_of_their_filter_in_their_order_at_places_of_chance(
    filled: World, campaign: str
) -> None:
    sale, rest = filtered(filled, HIGH, "sale"), filtered(filled, LOW, "rest")
    ask = filled.runtime.get_recommendations
    everything = ask(campaignArn=campaign, userId="u2", numResults=30)["itemList"]
    ranked, scores = [row["itemId"] for row in everything], {row["itemId"]: row["score"] for row in everything}
    places: Counter[int] = Counter()
    for _ in range(20):
        rows = ask(campaignArn=campaign, userId="u2", numResults=10, filterArn=rest, promotions=promotion(sale))[
            "itemList"
        ]
        assert promoted(rows) == [item for item in ranked if item in HIGH_ITEMS][:3]
        others = [row["itemId"] for row in rows if "promotionName" not in row]
        assert others == [item for item in ranked if item not in HIGH_ITEMS][:7]
        assert {row["itemId"]: row["score"] for row in rows} == {row["itemId"]: scores[row["itemId"]] for row in rows}
        places.update(place for place, row in enumerate(rows) if row.get("promotionName") == "sale")
    assert len(places) > 5


def test_v2_recipes_say_why(filled: World, campaign: str) -> None:
    sale = filtered(filled, HIGH)
    rows = filled.runtime.get_recommendations(campaignArn=campaign, userId="u2", promotions=promotion(sale))["itemList"]
    assert {tuple(row.get("reason", ())) for row in rows if "promotionName" in row} == {("Promoted item",)}
    assert {tuple(row.get("reason", ())) for row in rows if "promotionName" not in row} == {()}


def test_no_item_is_shown_twice_and_one_of_the_sale_may_also_win_by_rank(filled: World) -> None:
    everything = filtered(filled, "INCLUDE ItemID WHERE Items.YEAR > -1")
    campaign = popular(filled)
    rows = filled.runtime.get_recommendations(campaignArn=campaign, numResults=30, promotions=promotion(everything, 50))
    items = [row["itemId"] for row in rows["itemList"]]
    assert len(set(items)) == len(items) == 30
    assert promoted(rows["itemList"]) == shown(filled, campaignArn=campaign, numResults=15)
    assert all("score" not in row and "reason" not in row for row in rows["itemList"])


def test_where_promoted_items_are_too_few_others_fill_the_list(filled: World) -> None:
    one, campaign = filtered(filled, "INCLUDE ItemID WHERE Items.YEAR IN (7)"), popular(filled)
    rows = filled.runtime.get_recommendations(campaignArn=campaign, numResults=10, promotions=promotion(one, 100))
    assert promoted(rows["itemList"]) == ["i7"]
    assert len(rows["itemList"]) == 10


def test_at_least_one_place_is_promoted_and_of_none_none(filled: World) -> None:
    sale, campaign = filtered(filled, HIGH), popular(filled)
    ask = filled.runtime.get_recommendations
    for results, percent, count in ((10, 1, 1), (10, 19, 1), (10, 20, 2), (0, 50, 0), (3, 100, 3)):
        rows = ask(campaignArn=campaign, numResults=results, promotions=promotion(sale, percent))["itemList"]
        assert len(promoted(rows)) == count, (results, percent)


def test_a_seed_is_never_promoted_and_parameters_have_values(filled: World) -> None:
    similar = filled.campaign(filled.trained(GROUP, "aws-sims", "similar"), "similar")
    chosen = filtered(filled, "INCLUDE ItemID WHERE Items.YEAR IN ($YEARS)")
    values = {"YEARS": "4,6,8"}
    rows = filled.runtime.get_recommendations(
        campaignArn=similar, itemId="i4", numResults=5, promotions=promotion(chosen, 60, filterValues=values)
    )["itemList"]
    assert sorted(promoted(rows)) == ["i6", "i8"]
    assert "i4" not in {row["itemId"] for row in rows}


def test_what_is_missing_or_does_not_fit_is_told(filled: World) -> None:
    campaign = popular(filled)
    ask = filled.runtime.get_recommendations
    assert refused(ask, campaignArn=campaign, promotions=[{"name": "sale"}]) == (
        "InvalidInputException",
        "promotions.1.member.percentPromotedItems is required. promotions.1.member.filterArn is required.",
    )
    none = "arn:aws:personalize:us-east-1:000000000000:filter/none"
    assert refused(ask, campaignArn=campaign, promotions=promotion(none))[0] == "ResourceNotFoundException"
    seen = filtered(filled, 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")')
    code, message = refused(ask, campaignArn=campaign, promotions=promotion(seen))
    assert (code, message.split(":")[0]) == ("InvalidInputException", "UserId is required")


def test_reports_tell_how_many_were_promoted(filled: World) -> None:
    sale, campaign = filtered(filled, HIGH), popular(filled)
    filled.runtime.get_recommendations(campaignArn=campaign, numResults=10, promotions=promotion(sale))
    served = filled.parts.context.served
    assert served.recorder.flush()
    served.settle(Group.of(GROUP))
    table = served.table(Group.of(GROUP))
    assert table is not None
    assert table.to_pyarrow_table().select(["shown", "promoted"]).to_pylist() == [{"shown": 10, "promoted": 3}]
