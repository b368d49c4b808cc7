"""Whose recommendation ids are whose, and that an answer costs nothing for it.

An id carries its source in its last six digits, so no answer is written down or looked up: a recommendation touches
neither the ledger nor the points, and counting reads a row per campaign and recommender, not one per answer.
"""

from typing import Any

import pytest
import sqlalchemy as sa

from openpersonalize.resources.attribution_counting import count_all
from tests.resources.test_metric_attributions import CLICKS, attribution, put, tracker, values
from tests.world import INTERACTIONS, World

FILMS = "arn:aws:personalize:us-east-1:000000000000:dataset-group/films"
UNDEFINED = "SOURCE_NAME_UNDEFINED"


@pytest.fixture
def campaign(world: World) -> str:
    """A campaign of a group whose clicks are counted."""
    group = world.with_clicks()
    attribution(world, group, [CLICKS])
    return world.campaign(world.trained(group, "aws-popularity-count"))


def asked(world: World, campaign: str, user: str = "u1") -> str:
    found: str = world.runtime.get_recommendations(campaignArn=campaign, userId=user)["recommendationId"]
    return found


def counted(world: World) -> dict[str, int]:
    count_all(world.parts.context)
    return {source: int(value) for (_, source), value in values(world).items()}


def test_ids_of_a_deleted_campaign_name_it_and_those_of_its_successor_the_successor(
    world: World, campaign: str
) -> None:
    tracking_id, first = tracker(world, FILMS), asked(world, campaign)
    put(world, tracking_id, "click", recommendationId=first)
    version = world.personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    world.personalize.delete_campaign(campaignArn=campaign)
    put(world, tracking_id, "click", recommendationId=first)
    world.work()
    put(world, tracking_id, "click", recommendationId=first)
    successor = world.campaign(version, "next")
    second = asked(world, successor)
    assert second[-6:] != first[-6:]
    put(world, tracking_id, "click", recommendationId=second)
    put(world, tracking_id, "click", recommendationId=first)
    assert counted(world) == {campaign: 4, successor: 1}


def test_ids_are_forgotten_in_time_and_never_known_to_another_group(world: World, campaign: str) -> None:
    ctx, now = world.parts.context, int(world.parts.context.now().timestamp())
    other = world.group("other")
    world.dataset(other, "Interactions", INTERACTIONS)
    stem = asked(world, campaign)[:-6]
    ctx.ledger.retire(FILMS, "00aa11", f"{campaign}-old", now + 60)
    ctx.ledger.retire(FILMS, "00bb22", f"{campaign}-older", now - 60)
    ctx.ledger.retire(other, "00cc33", f"{campaign}-elsewhere", now + 60)
    tracking_id = tracker(world, FILMS)
    for cid in ("00aa11", "00bb22", "00cc33"):
        put(world, tracking_id, "click", recommendationId=f"{stem}{cid}")
    assert counted(world) == {f"{campaign}-old": 1, UNDEFINED: 2}


def test_a_recommendation_reads_and_writes_nothing_for_attribution(world: World, campaign: str) -> None:
    asked(world, campaign)
    ctx = world.parts.context
    statements: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    for engine in (ctx.ledger.engine, ctx.metadata.engine):
        sa.event.listen(engine, "before_cursor_execute", heard)
    ctx.recent.clear()
    first, second = asked(world, campaign), asked(world, campaign, "u2")
    assert first != second
    assert first[-6:] == second[-6:]
    assert statements  # the campaign itself was looked up
    assert [text for text in statements if "ledger" in text or "points" in text or "SELECT" not in text] == []
