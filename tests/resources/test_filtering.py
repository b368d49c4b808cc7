"""Filters in runtime calls, on the thirty films, where the answer is known."""

import time
from collections.abc import Callable
from pathlib import Path

from openpersonalize.resources.datasets import Dataset, schema_of
from tests.films import FILMS, GROUP, ITEMS_ARN, filtered, load_rows, popular, shown
from tests.world import INTERACTIONS, ITEMS, ROLE, SMALL, World, opened, refused

LOW = {f"i{item}" for item in range(15)}
EVEN, ODD = ({f"i{item}" for item in range(first, 30, 2)} for first in (0, 1))


def test_a_filter_takes_items_out_and_leaves_order_and_scores_of_the_others(filled: World) -> None:
    campaign = filled.campaign(filled.trained(GROUP, "aws-user-personalization-v2"))
    arn = filtered(filled, 'INCLUDE ItemID WHERE Items.GENRES IN ("low")')
    ask = filled.runtime.get_recommendations
    everything = ask(campaignArn=campaign, userId="u2", numResults=500)["itemList"]
    rows = ask(campaignArn=campaign, userId="u2", numResults=500, filterArn=arn)["itemList"]
    assert rows == [row for row in everything if row["itemId"] in LOW]
    assert len(ask(campaignArn=campaign, userId="u2", numResults=10, filterArn=arn)["itemList"]) == 10


def test_what_the_user_did_counts_at_once(filled: World) -> None:
    campaign = popular(filled)
    arn = filtered(filled, 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Click")')
    assert set(shown(filled, campaignArn=campaign, userId="u2", filterArn=arn)) == ODD
    tracking_id = filled.personalize.create_event_tracker(name="live", datasetGroupArn=GROUP)["trackingId"]
    for kind, item in (("click", "i1"), ("watch", "i3")):
        event = {"eventType": kind, "itemId": item, "sentAt": 1_800_000_000}
        filled.events.put_events(trackingId=tracking_id, userId="u2", sessionId="s", eventList=[event])
    assert set(shown(filled, campaignArn=campaign, userId="u2", filterArn=arn)) == ODD - {"i1"}
    watched = filtered(filled, "INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($TYPES)", "seen")
    values = {"TYPES": '"watch","none"'}
    assert shown(filled, campaignArn=campaign, userId="u2", filterArn=watched, filterValues=values) == ["i3"]
    assert shown(filled, campaignArn=campaign, userId="u4", filterArn=watched, filterValues=values) == []


def test_only_the_newest_interactions_of_each_type_count(tmp_path: Path) -> None:
    for world in opened(tmp_path / "data", {**SMALL, "filter_interactions": 3}):
        campaign = world.campaign(world.trained(world.with_clicks(), "aws-popularity-count"))
        arn = filtered(world, 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")')
        assert len(shown(world, campaignArn=campaign, userId="u2", filterArn=arn)) == 3
        assert refused(world.runtime.get_recommendations, campaignArn=campaign, filterArn=arn) == (
            "InvalidInputException",
            f"UserId is required: filter {arn} depends on the user who asks.",
        )


def test_a_purchase_is_not_lost_among_many_clicks(tmp_path: Path) -> None:
    for world in opened(tmp_path / "data", {**SMALL, "filter_interactions": 2}):
        campaign = world.campaign(world.trained(world.with_clicks(), "aws-popularity-count"))
        arn = filtered(world, 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")')
        tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=GROUP)["trackingId"]
        for number in range(20):
            event = {"eventType": "click" if number else "buy", "itemId": "i3", "sentAt": 1_800_000_000 + number}
            world.events.put_events(trackingId=tracking_id, userId="u2", sessionId="s", eventList=[event])
        assert shown(world, campaignArn=campaign, userId="u2", filterArn=arn) == ["i3"]


def test_events_that_a_solution_does_not_learn_from_are_seen(world: World) -> None:
    group = world.with_clicks()
    with (world.bucket() / "clicks.csv").open("a") as file:
        file.write("u2,i4,buy,1700000000\nbuyer,i6,buy,1700000000\nu2,never clicked,buy,1700000000\n")
    dataset = f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS"
    assert world.load(dataset, "s3://films/clicks.csv", "again")["status"] == "ACTIVE"
    campaign = world.campaign(world.trained(group, "aws-popularity-count", eventType="click"))
    arn = filtered(world, 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")')
    assert shown(world, campaignArn=campaign, userId="u2", filterArn=arn) == ["i4"]
    assert shown(world, campaignArn=campaign, userId="buyer", filterArn=arn) == ["i6"]
    assert shown(world, campaignArn=campaign, userId="u4", filterArn=arn) == []


def test_events_imported_after_the_training_are_seen(filled: World) -> None:
    campaign = popular(filled)
    arn = filtered(filled, 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")')
    assert shown(filled, campaignArn=campaign, userId="u2", filterArn=arn) == []
    bought = [(f"u{user}", f"i{item}", "buy", 1_800_000_000 + item) for item in range(3) for user in range(40)]
    dataset = f"{GROUP.replace('dataset-group', 'dataset')}/INTERACTIONS"
    load_rows(filled, dataset, INTERACTIONS, [("u2", "i9", "view", 1), *bought], "bought", importMode="INCREMENTAL")

    def seen(user_id: str) -> set[str]:
        return set(shown(filled, campaignArn=campaign, userId=user_id, filterArn=arn))

    wait_until(lambda: seen("u2") == {"i0", "i1", "i2"})
    assert seen("new") == set()
    dataset_users = filled.bucket() / "gone.csv"
    dataset_users.write_text("USER_ID\nu2\n")
    filled.personalize.create_data_deletion_job(
        jobName="gone", datasetGroupArn=GROUP, dataSource={"dataLocation": "s3://films/gone.csv"}, roleArn=ROLE
    )
    filled.work()
    wait_until(lambda: seen("u2") == set())
    assert seen("u4") == {"i0", "i1", "i2"}


def wait_until(true: Callable[[], bool]) -> None:
    """Tables in memory are read again beside the requests that notice their age."""
    for _ in range(50):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError


def test_values_fill_the_parameters(filled: World) -> None:
    campaign = popular(filled)
    arn = filtered(filled, "INCLUDE ItemID WHERE Items.YEAR < $YEAR | EXCLUDE ItemID WHERE Items.YEAR IN ($NOT)")
    asked = {"campaignArn": campaign, "userId": "u2", "filterArn": arn}
    assert set(shown(filled, **asked, filterValues={"YEAR": "3"})) == {"i0", "i1", "i2"}
    assert set(shown(filled, **asked, filterValues={"YEAR": '"3"', "NOT": '"0","2"'})) == {"i1"}
    ask = filled.runtime.get_recommendations
    for given, message in (
        ({}, "filterValues: Value for parameter YEAR is required."),
        ({"YEAR": "1,2"}, "filterValues: The value of parameter YEAR must be one number; got 2 members."),
        ({"YEAR": "1", "X": "2"}, "filterValues: The filter has no parameter X; its parameters are: NOT, YEAR."),
    ):
        assert refused(ask, **asked, filterValues=given) == ("InvalidInputException", message)


def test_if_looks_at_the_user_who_asks(filled: World) -> None:
    campaign = popular(filled)
    arn = filtered(filled, 'EXCLUDE ItemID WHERE Items.GENRES IN ("high") IF CurrentUser.AGE < 18')
    assert set(shown(filled, campaignArn=campaign, userId="u17", filterArn=arn)) == LOW
    assert len(shown(filled, campaignArn=campaign, userId="u18", filterArn=arn)) == 30
    assert len(shown(filled, campaignArn=campaign, userId="nobody", filterArn=arn)) == 30


def test_a_ranking_loses_the_items_that_are_filtered(filled: World) -> None:
    campaign = filled.campaign(filled.trained(GROUP, "aws-personalized-ranking-v2"))
    load_rows(filled, ITEMS_ARN, ITEMS, [*FILMS, ("new", "low", 99)], "second")  # an item the model does not know
    arn = filtered(filled, 'INCLUDE ItemID WHERE Items.GENRES IN ("low")')
    rank = filled.runtime.get_personalized_ranking
    asked = {"campaignArn": campaign, "userId": "u2", "inputList": ["i29", "i1", "strange", "new", "i2", "i28"]}
    everything = rank(**asked)["personalizedRanking"]
    rows = rank(**asked, filterArn=arn)["personalizedRanking"]
    assert rows == [row for row in everything if row["itemId"] in {"i1", "i2", "new"}]
    assert rank(**{**asked, "inputList": ["i29"]}, filterArn=arn)["personalizedRanking"] == []


def test_similar_items_are_compared_with_the_seed(filled: World) -> None:
    campaign = filled.campaign(filled.trained(GROUP, "aws-sims"))
    arn = filtered(filled, "INCLUDE ItemID WHERE Items.YEAR > CurrentItem.YEAR AND Items.GENRES IN CurrentItem.GENRES")
    assert set(shown(filled, campaignArn=campaign, itemId="i10", filterArn=arn)) <= {"i11", "i12", "i13", "i14"}
    assert "i12" in shown(filled, campaignArn=campaign, itemId="i10", filterArn=arn)
    assert shown(filled, campaignArn=campaign, itemId="strange", filterArn=arn) == []
    code, message = refused(filled.runtime.get_recommendations, campaignArn=popular(filled), filterArn=arn)
    assert (code, "CurrentItem" in message) == ("InvalidInputException", True)


def test_changed_items_are_seen_without_training(filled: World) -> None:
    campaign = popular(filled)
    arn = filtered(filled, 'INCLUDE ItemID WHERE Items.GENRES IN ("low")')
    assert set(shown(filled, campaignArn=campaign, userId="u2", filterArn=arn)) == LOW
    load_rows(filled, ITEMS_ARN, ITEMS, [("i20", "low", 20), ("i21", "high", 21)], "second")
    deadline = time.monotonic() + 30
    while shown(filled, campaignArn=campaign, userId="u2", filterArn=arn) != ["i20"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    row = {"itemId": "i21", "properties": '{"genres": "low"}'}
    filled.events.put_items(datasetArn=ITEMS_ARN, items=[row])
    _settle(filled)
    while set(shown(filled, campaignArn=campaign, userId="u2", filterArn=arn)) != {"i20", "i21"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _settle(world: World) -> None:
    with world.parts.context.metadata.reading() as tx:
        dataset = tx.get(Dataset, ITEMS_ARN)
        world.parts.context.records.settle(dataset.table, schema_of(tx, dataset))


def test_a_filter_that_cannot_serve_the_call_is_refused(filled: World) -> None:
    campaign = filled.campaign(filled.trained(GROUP, "aws-popularity-count"))
    ask = filled.runtime.get_recommendations
    users = filtered(filled, "INCLUDE UserID WHERE Users.AGE > 3", "users")
    other = filled.group("shop")
    filled.dataset(other, "Items", ITEMS)
    foreign = filled.personalize.create_filter(
        name="foreign", datasetGroupArn=other, filterExpression="INCLUDE ItemID WHERE Items.YEAR > 3"
    )["filterArn"]
    assert refused(ask, campaignArn=campaign, filterArn=foreign) == (
        "InvalidInputException",
        f"Filter {foreign} is not in ACTIVE state; it is CREATE PENDING.",
    )
    filled.work()
    for arn, code, words in (
        (foreign, "InvalidInputException", "belongs to"),
        (users, "InvalidInputException", "is for UserID"),
        (users + "x", "ResourceNotFoundException", "does not exist"),
        (campaign, "InvalidInputException", ""),
    ):
        found = refused(ask, campaignArn=campaign, filterArn=arn)
        assert (found[0], words in found[1]) == (code, True)
    found = refused(ask, campaignArn=campaign, filterValues={"YEAR": "3"})
    assert found == ("InvalidInputException", "filterValues were given without filterArn; give both, or neither.")
