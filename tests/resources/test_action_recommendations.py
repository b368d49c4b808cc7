"""Next best actions through boto3: even users take even actions, so what they are offered first is even."""

import random
import re
from datetime import UTC, datetime

import pytest

from openpersonalize.storage.served import Group
from tests.world import World, refused, write_csv

ACTIONS = (("ACTION_ID", "string"), ("VALUE", ["null", "long"]), ("EXPIRATION_TIMESTAMP", ["null", "long"]))
MET = (("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long"))
NOW = int(datetime.now(UTC).timestamp())
DAY = 86_400


def offers(users: int = 240) -> list[tuple[str, str, str, int]]:
    draw = random.Random(2)
    rows = []
    for user in range(users):
        for place, action in enumerate(draw.sample(range(8), 6)):
            likes = action % 2 == user % 2
            kind = "TAKEN" if draw.random() < (0.8 if likes else 0.15) else draw.choice(["NOT_TAKEN", "VIEWED"])
            rows.append((f"u{user}", f"a{action}", kind, NOW - 30 * DAY + place * DAY))
    return rows


def shop(world: World, *, met: bool = True) -> str:
    """A dataset group with items' clicks, nine actions of which one has expired, and what users did with eight."""
    group = world.with_clicks()
    actions = world.dataset(group, "Actions", ACTIONS)
    rows = [(f"a{number}", number + 1, "") for number in range(8)]
    write_csv(world.bucket() / "actions.csv", [name for name, _ in ACTIONS], [*rows, ("gone", 10, NOW - 1)])
    assert world.load(actions, "s3://films/actions.csv", "actions")["status"] == "ACTIVE"
    interactions = world.dataset(group, "Action_Interactions", MET)
    if met:
        write_csv(world.bucket() / "met.csv", [name for name, _ in MET], offers())
        assert world.load(interactions, "s3://films/met.csv", "met")["status"] == "ACTIVE"
    return group


def told(world: World, campaign: str, user: str, **more: int) -> list[tuple[str, float]]:
    answer = world.runtime.get_action_recommendations(campaignArn=campaign, userId=user, **more)
    assert re.fullmatch(r"RID-[0-9a-f-]{25}-CID-[0-9a-f]{6}", answer["recommendationId"])
    return [(row["actionId"], row["score"]) for row in answer["actionList"]]


def test_users_are_offered_what_such_users_take_and_an_event_counts_at_once(world: World) -> None:
    group = shop(world)
    version = world.trained(group, "aws-next-best-action")
    metrics = world.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert set(metrics) == {"area_under_curve", "coverage", "precision", "recall"}
    assert metrics["area_under_curve"] > 0.7
    assert metrics["coverage"] == pytest.approx(8 / 9, abs=0.0001)
    campaign = world.campaign(version)
    answers = {user: told(world, campaign, f"u{user}") for user in range(20)}
    assert {len(rows) for rows in answers.values()} == {5}
    firsts = [int(action[1:]) % 2 == user % 2 for user, rows in answers.items() for action, _ in rows[:3]]
    assert sum(firsts) >= 0.9 * len(firsts)
    for rows in answers.values():
        scores = [score for _, score in rows]
        assert scores == sorted(scores, reverse=True)
        assert 1 > scores[0] > scores[4] > 0
    everything = told(world, campaign, "somebody new", numResults=100)
    assert {action for action, _ in everything} == {f"a{number}" for number in range(8)}
    dataset = group.replace("dataset-group/", "dataset/") + "/ACTION_INTERACTIONS"
    tracking_id = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]["trackingId"]
    events = [
        {"actionId": f"a{number}", "sessionId": "s", "timestamp": NOW - 9 + number, "eventType": kind}
        for number, kind in ((1, "Taken"), (0, "Not Taken"), (3, "Taken"), (2, "Not Taken"))
    ]
    for event in events:
        world.events.put_action_interactions(
            trackingId=tracking_id, actionInteractions=[{**event, "userId": "somebody new"}]
        )
    now = told(world, campaign, "somebody new", numResults=100)
    assert [int(action[1:]) % 2 for action, _ in now[:4]] == [1] * 4
    assert now != everything
    assert told(world, campaign, "somebody else", numResults=100) == everything


def test_lists_of_actions_are_remembered_like_lists_of_items(world: World) -> None:
    group = shop(world)
    campaign = world.campaign(world.trained(group, "aws-next-best-action"))
    answer = world.runtime.get_action_recommendations(campaignArn=campaign, userId="u1", numResults=2)
    served = world.parts.context.served
    assert served.recorder.flush()
    served.settle(Group.of(group))
    table = served.table(Group.of(group))
    assert table is not None
    [row] = table.to_pyarrow_table().to_pylist()
    assert (row["user_id"], row["source"], row["recommendation_id"]) == ("u1", campaign, answer["recommendationId"])
    assert row["item_ids"] == [action["actionId"] for action in answer["actionList"]]


def test_without_action_interactions_actions_come_by_value_with_score_0(world: World) -> None:
    version = world.trained(shop(world, met=False), "aws-next-best-action")
    metrics = world.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert set(metrics.values()) == {0.0}
    assert told(world, world.campaign(version), "u1", numResults=3) == [("a7", 0.0), ("a6", 0.0), ("a5", 0.0)]


def test_a_campaign_of_actions_is_asked_for_actions_and_others_are_not(world: World) -> None:
    group = shop(world, met=False)
    campaign = world.campaign(world.trained(group, "aws-next-best-action"))
    popular = world.campaign(world.trained(group, "aws-popularity-count", "popular"), "popular")
    ask = world.runtime.get_action_recommendations
    assert refused(ask, campaignArn=popular, userId="u1") == (
        "InvalidInputException",
        f"{popular} serves aws-popularity-count; GetActionRecommendations needs a PERSONALIZED_ACTIONS recipe.",
    )
    code, message = refused(world.runtime.get_recommendations, campaignArn=campaign, userId="u1")
    assert (code, "call GetActionRecommendations instead" in message) == ("InvalidInputException", True)
    ranking = refused(world.runtime.get_personalized_ranking, campaignArn=campaign, userId="u1", inputList=["a1"])
    assert ranking[0] == "InvalidInputException"
    assert refused(ask, campaignArn=campaign + "x", userId="u1")[0] == "ResourceNotFoundException"
    assert refused(ask, userId="u1") == ("InvalidInputException", "campaignArn is required.")
    assert refused(ask, campaignArn=campaign)[0] == "InvalidInputException"
    assert refused(ask, campaignArn=campaign, userId="u1", numResults=101)[0] == "InvalidInputException"
    chosen = "arn:aws:personalize:us-east-1:000000000000:filter/none"
    assert refused(ask, campaignArn=campaign, userId="u1", filterArn=chosen)[0] == "ResourceNotFoundException"


def test_filters_of_actions_look_at_actions_their_interactions_and_the_user(world: World) -> None:
    group = shop(world)
    campaign = world.campaign(world.trained(group, "aws-next-best-action"))
    create = world.personalize.create_filter

    def shown(name: str, user: str = "u2", values: dict[str, str] | None = None) -> set[str]:
        asked = {"campaignArn": campaign, "userId": user, "numResults": 100, "filterArn": made[name]}
        more = {} if values is None else {"filterValues": values}
        answer = world.runtime.get_action_recommendations(**asked, **more)
        return {row["actionId"] for row in answer["actionList"]}

    made = {
        name: create(name=name, datasetGroupArn=group, filterExpression=expression)["filterArn"]
        for name, expression in (
            ("dear", "INCLUDE ActionID WHERE Actions.VALUE > $LEAST"),
            ("fresh", 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("*")'),
            ("taken", 'INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("Taken")'),
            ("items", 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")'),
        )
    }
    world.work()
    assert shown("dear", values={"LEAST": "6"}) == {"a6", "a7"}
    met = {action for user, action, _, _ in offers() if user == "u2"}
    everything = {f"a{number}" for number in range(8)}
    assert shown("fresh") == everything - met
    assert shown("fresh", "somebody new") == everything
    dataset = group.replace("dataset-group/", "dataset/") + "/ACTION_INTERACTIONS"
    tracking_id = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]["trackingId"]
    event = {"actionId": "a3", "userId": "somebody new", "sessionId": "s", "timestamp": NOW, "eventType": "Taken"}
    world.events.put_action_interactions(trackingId=tracking_id, actionInteractions=[event])
    assert shown("taken", "somebody new") == {"a3"}
    ask = world.runtime.get_action_recommendations
    assert refused(ask, campaignArn=campaign, userId="u1", filterArn=made["items"]) == (
        "InvalidInputException",
        f"Filter {made['items']} is for ItemID; this call needs one for ActionID.",
    )
