"""Item columns beside the items of an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openpersonalize.resources.datasets import Dataset, schema_of
from tests.films import FILMS, GROUP, load_rows, popular
from tests.world import SMALL, World, opened, refused

COLUMNS = (
    ("ITEM_ID", "string"),
    ("GENRES", ["null", "string"]),
    ("YEAR", ["null", "int"]),
    ("PRICE", ["null", "float"]),
    ("CREATION_TIMESTAMP", "long"),
)
ROWS = [
    (item, genre if year else "low|first", year or "", f"{year}.5" if year % 2 else "130", 1_700_000_000 + year)
    for item, genre, year in FILMS
]


@pytest.fixture
def described(tmp_path: Path) -> Iterator[World]:
    for world in opened(tmp_path / "data", {**SMALL, "filter_refresh_seconds": 0.0, "quota_metadata_columns": 4}):
        group = world.with_clicks()
        load_rows(world, world.dataset(group, "Items", COLUMNS), COLUMNS, ROWS)
        yield world


def metadata(rows: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    return {row["itemId"]: row["metadata"] for row in rows}


def allowing(world: World) -> str:
    """A campaign of a recipe that gives metadata only where it is enabled."""
    config = {"enableMetadataWithRecommendations": True}
    return world.campaign(world.trained(GROUP, "aws-popularity-count", "popular"), "popular", campaignConfig=config)


def test_values_come_as_text_under_their_names_in_lower_case_and_missing_ones_do_not(described: World) -> None:
    columns = {"ITEMS": ["genres", "Year", "PRICE", "CREATION_TIMESTAMP"]}
    rows = described.runtime.get_recommendations(
        campaignArn=allowing(described), numResults=30, metadataColumns=columns
    )["itemList"]
    found = metadata(rows)
    assert len(found) == 30
    assert found["i0"] == {"genres": "low|first", "price": "130.0", "creation_timestamp": "1700000000"}
    assert found["i7"] == {"genres": "low", "year": "7", "price": "7.5", "creation_timestamp": "1700000007"}


def test_v2_recipes_give_metadata_by_themselves_to_rankings_too(described: World) -> None:
    ranking = described.campaign(described.trained(GROUP, "aws-personalized-ranking-v2"))
    rows = described.runtime.get_personalized_ranking(
        campaignArn=ranking, userId="u2", inputList=["i3", "i20", "strange"], metadataColumns={"ITEMS": ["YEAR"]}
    )["personalizedRanking"]
    assert metadata(rows) == {"i3": {"year": "3"}, "i20": {"year": "20"}, "strange": {}}


def test_what_was_put_since_is_shown(described: World) -> None:
    campaign, columns = allowing(described), {"ITEMS": ["PRICE"]}
    ask = described.runtime.get_recommendations
    before = ask(campaignArn=campaign, numResults=30, metadataColumns=columns)["itemList"]
    assert metadata(before)["i7"] == {"price": "7.5"}
    items = "arn:aws:personalize:us-east-1:000000000000:dataset/films/ITEMS"
    properties = '{"price": 8.25, "creationTimestamp": 1700000007}'
    described.events.put_items(datasetArn=items, items=[{"itemId": "i7", "properties": properties}])
    ctx = described.parts.context
    with ctx.metadata.reading() as tx:
        dataset = tx.get(Dataset, items)
        schema = schema_of(tx, dataset)
    ctx.records.settle(dataset.table, schema)
    for _ in range(100):
        after = metadata(ask(campaignArn=campaign, numResults=30, metadataColumns=columns)["itemList"])
        if after["i7"] == {"price": "8.25"}:
            break
    else:
        pytest.fail(f"still {after['i7']}")


def test_all_that_is_wrong_is_told_at_once(described: World) -> None:
    ask, plain = described.runtime.get_recommendations, popular(described)
    code, message = refused(ask, campaignArn=plain, metadataColumns={"ITEMS": ["TITLE", "a", "b", "c", "YEAR"]})
    assert code == "InvalidInputException"
    assert message == (
        "metadataColumns: metadata is not enabled here; update it with enableMetadataWithRecommendations first. "
        "metadataColumns.ITEMS: 5 columns; at most 4 may be asked for. "
        "metadataColumns.ITEMS: the Items schema has no column TITLE, a, b, c; "
        "it has GENRES, YEAR, PRICE, CREATION_TIMESTAMP."
    )
    code, message = refused(ask, campaignArn=plain, metadataColumns={"USERS": ["AGE"]})
    assert "metadataColumns: USERS is no type of dataset with metadata; expected ITEMS." in message


def test_lists_with_metadata_are_short(described: World) -> None:
    columns = {"ITEMS": ["YEAR"]}
    campaign = allowing(described)
    ask = described.runtime.get_recommendations
    assert len(ask(campaignArn=campaign, numResults=50, metadataColumns=columns)["itemList"]) == 30
    message = refused(ask, campaignArn=campaign, numResults=51, metadataColumns=columns)[1]
    assert "at 'numResults'" in message
    assert "at most 50 where metadataColumns are asked for" in message
    ranking = described.campaign(described.trained(GROUP, "aws-personalized-ranking-v2"))
    rank = described.runtime.get_personalized_ranking
    many = [f"x{number}" for number in range(51)]
    assert (
        "at 'inputList'" in refused(rank, campaignArn=ranking, userId="u", inputList=many, metadataColumns=columns)[1]
    )
    assert len(rank(campaignArn=ranking, userId="u", inputList=many)["personalizedRanking"]) == 51
    assert refused(rank, campaignArn=ranking, userId="u", inputList=[str(number) for number in range(501)])[1].endswith(
        "be at most 500"
    )


def test_a_group_without_items_has_no_metadata(world: World) -> None:
    asked = {
        "campaignArn": world.campaign(world.trained(world.with_clicks(), "aws-user-personalization-v2")),
        "userId": "u1",
    }
    code, message = refused(world.runtime.get_recommendations, **asked, metadataColumns={"ITEMS": ["X"]})
    assert (code, message) == (
        "InvalidInputException",
        "metadataColumns.ITEMS: the dataset group has no Items dataset.",
    )
