"""The runtime calls on small data where the right answer is known: users like items of their own parity."""

import re

import pytest

from tests.world import ITEMS, World, refused


@pytest.fixture
def personal(world: World) -> tuple[World, str]:
    return world, world.campaign(world.trained(world.with_clicks(), "aws-user-personalization-v2"))


def test_scores_are_shares_of_the_catalogue_and_fall(personal: tuple[World, str]) -> None:
    world, campaign = personal
    answer = world.runtime.get_recommendations(campaignArn=campaign, userId="u2", numResults=500)
    scores = [row["score"] for row in answer["itemList"]]
    assert len(scores) == 30
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1.0, abs=1e-6)
    assert len({row["itemId"] for row in answer["itemList"]}) == 30
    assert re.fullmatch(r"RID-[0-9a-f]{2}(-[0-9a-f]{4}){2}-[0-9a-f]{12}-CID-[0-9a-f]{6}", answer["recommendationId"])


def test_the_default_is_25_results_none_is_none_and_501_are_too_many(personal: tuple[World, str]) -> None:
    world, campaign = personal
    ask = world.runtime.get_recommendations
    assert len(ask(campaignArn=campaign, userId="u2")["itemList"]) == 25
    assert ask(campaignArn=campaign, userId="u2", numResults=0)["itemList"] == []
    assert refused(ask, campaignArn=campaign, userId="u2", numResults=501)[0] == "InvalidInputException"


def test_an_unknown_user_gets_popular_items(personal: tuple[World, str]) -> None:
    world, campaign = personal
    answer = world.runtime.get_recommendations(campaignArn=campaign, userId="nobody", numResults=500)
    assert sum(row["score"] for row in answer["itemList"]) == pytest.approx(1.0, abs=1e-6)


def test_an_event_changes_the_very_next_answer_of_that_user_alone(personal: tuple[World, str]) -> None:
    world, campaign = personal
    group = "arn:aws:personalize:us-east-1:000000000000:dataset-group/films"
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]

    def parities(user: str) -> list[int]:
        rows = world.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=8)["itemList"]
        return [int(row["itemId"][1:]) % 2 for row in rows]

    other = parities("u2")
    for place, item in enumerate(("i1", "i3", "i5", "i7")):
        event = {"eventType": "click", "itemId": item, "sentAt": 1_800_000_000 + place}
        world.events.put_events(trackingId=tracking_id, userId="new", sessionId="s", eventList=[event])
    assert sum(parities("new")) >= 7
    assert parities("u2") == other


def test_a_session_is_answered_before_its_user_is_known(personal: tuple[World, str]) -> None:
    world, campaign = personal
    group = "arn:aws:personalize:us-east-1:000000000000:dataset-group/films"
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    ask = world.runtime.get_recommendations
    before = ask(campaignArn=campaign, userId="session-1")["itemList"]
    event = {"eventType": "click", "itemId": "i1", "sentAt": 1_800_000_000}
    world.events.put_events(trackingId=tracking_id, sessionId="session-1", eventList=[event])
    assert ask(campaignArn=campaign, userId="session-1")["itemList"] != before


def test_seed_items_give_similar_ones_without_the_seed_and_without_scores(world: World) -> None:
    campaign = world.campaign(world.trained(world.with_clicks(), "aws-sims"))
    ask = world.runtime.get_recommendations
    similar = ask(campaignArn=campaign, itemId="i4", numResults=10)["itemList"]
    assert all(set(row) == {"itemId"} for row in similar)
    assert all(int(row["itemId"][1:]) % 2 == 0 for row in similar)
    assert "i4" not in {row["itemId"] for row in similar}
    assert len(ask(campaignArn=campaign, itemId="never-seen", numResults=10)["itemList"]) == 10
    assert refused(ask, campaignArn=campaign, userId="u1") == (
        "InvalidInputException",
        "ItemId is required for campaigns of the recipe aws-sims.",
    )


def test_popularity_is_the_same_for_everybody_and_has_no_scores(world: World) -> None:
    campaign = world.campaign(world.trained(world.with_clicks(), "aws-popularity-count"))
    ask = world.runtime.get_recommendations
    rows = ask(campaignArn=campaign, userId="u1")["itemList"]
    assert all(set(row) == {"itemId"} for row in rows)
    assert rows == ask(campaignArn=campaign, userId="u2")["itemList"] == ask(campaignArn=campaign)["itemList"]


def test_ranking_orders_what_it_is_given_and_puts_the_unknown_last(world: World) -> None:
    group = world.with_clicks()
    unmet = {"itemId": "unmet", "properties": '{"year": 1999}'}
    world.events.put_items(datasetArn=world.dataset(group, "Items", ITEMS), items=[unmet])
    campaign = world.campaign(world.trained(group, "aws-personalized-ranking-v2"))
    rank = world.runtime.get_personalized_ranking
    asked = ["i1", "strange", "i2", "unmet", "i3", "i4", "odd-one", "i2"]
    rows = rank(campaignArn=campaign, userId="u2", inputList=asked)["personalizedRanking"]
    assert {row["itemId"] for row in rows} == set(asked)
    assert [row["itemId"] for row in rows][-3:] == ["strange", "unmet", "odd-one"]
    assert [set(row) for row in rows[-3:]] == [{"itemId"}, {"itemId"}, {"itemId"}]
    assert sum(row["score"] for row in rows[:-3]) == pytest.approx(1.0)
    assert {row["itemId"] for row in rows[:2]} == {"i2", "i4"}
    assert refused(rank, campaignArn=campaign, userId="u2", inputList=[])[0] == "InvalidInputException"


def test_a_campaign_is_asked_by_the_call_of_its_kind(world: World) -> None:
    group = world.with_clicks()
    ranking = world.campaign(world.trained(group, "aws-personalized-ranking-v2", "ranking"), "ranking")
    popular = world.campaign(world.trained(group, "aws-popularity-count", "popular"), "popular")
    wrong = refused(world.runtime.get_recommendations, campaignArn=ranking, userId="u1")
    assert wrong[0] == "InvalidInputException"
    assert "GetPersonalizedRanking" in wrong[1]
    wrong = refused(world.runtime.get_personalized_ranking, campaignArn=popular, userId="u1", inputList=["i1"])
    assert wrong[0] == "InvalidInputException"


def test_the_campaign_must_exist_be_one_and_be_active(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    campaign = world.personalize.create_campaign(name="live", solutionVersionArn=version)["campaignArn"]
    ask = world.runtime.get_recommendations
    code, message = refused(ask, campaignArn=campaign, userId="u1")
    assert code == "InvalidInputException"
    assert "CREATE PENDING" in message
    assert refused(ask, campaignArn=campaign + "x", userId="u1")[0] == "ResourceNotFoundException"
    assert refused(ask, userId="u1") == (
        "InvalidInputException",
        "Give exactly one of campaignArn and recommenderArn.",
    )
