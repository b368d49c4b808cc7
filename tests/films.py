"""Thirty films, on which answers are known: even users clicked even items, odd users odd ones.

Items i0 to i29 are films of the year of their number, GENRES "low" below i15 and "high" from there on. Users are as old
as their number.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import ITEMS, SMALL, World, opened, write_csv

FILMS = [(f"i{item}", "low" if item < 15 else "high", item) for item in range(30)]
USERS = (("USER_ID", "string"), ("AGE", ["null", "int"]))


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[World]:
    """A service with interactions, items and users, which looks for changed items at every call."""
    for world in opened(tmp_path / "data", {**SMALL, "filter_refresh_seconds": 0.0}):
        group = world.with_clicks()
        load_rows(world, world.dataset(group, "Items", ITEMS), ITEMS, FILMS)
        load_rows(world, world.dataset(group, "Users", USERS), USERS, [(f"u{user}", user) for user in range(40)])
        yield world


def load_rows(world: World, dataset: str, columns: Any, rows: Any, name: str = "load", **more: Any) -> None:
    """Import rows into a dataset."""
    write_csv(world.bucket() / f"{name}.csv", [column for column, _ in columns], rows)
    job = world.load(dataset, f"s3://films/{name}.csv", f"{name}-{dataset.rsplit('/', 1)[-1]}", **more)
    assert job["status"] == "ACTIVE", job


GROUP = "arn:aws:personalize:us-east-1:000000000000:dataset-group/films"
ITEMS_ARN = "arn:aws:personalize:us-east-1:000000000000:dataset/films/ITEMS"


def filtered(world: World, expression: str, name: str = "filter") -> str:
    """An ACTIVE filter of the group."""
    arn: str = world.personalize.create_filter(name=name, datasetGroupArn=GROUP, filterExpression=expression)[
        "filterArn"
    ]
    world.work()
    return arn


def popular(world: World) -> str:
    """A campaign that shows everybody the most clicked."""
    return world.campaign(world.trained(GROUP, "aws-popularity-count", "popular"), "popular")


def shown(world: World, **members: Any) -> list[str]:
    """The items that a campaign answers with."""
    answer = world.runtime.get_recommendations(**{"numResults": 500, **members})
    return [row["itemId"] for row in answer["itemList"]]
