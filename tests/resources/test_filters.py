from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import SMALL, World, opened, refused

ITEMS = (("ITEM_ID", "string"), ("GENRES", ["null", "string"]), ("PRICE", ["null", "float"]), ("RARE", "boolean"))
DRAMA = 'INCLUDE ItemID WHERE Items.GENRES IN ("drama")'


@pytest.fixture
def group(world: World) -> str:
    group = world.group()
    world.dataset(group)
    world.dataset(group, "Items", ITEMS)
    return group


def made(world: World, group: str, expression: str = DRAMA, name: str = "drama", **more: Any) -> str:
    arn: str = world.personalize.create_filter(name=name, datasetGroupArn=group, filterExpression=expression, **more)[
        "filterArn"
    ]
    return arn


def test_a_filter_is_kept_as_it_was_sent_and_becomes_active(world: World, group: str) -> None:
    text = 'include ItemID\n where items.genres in ("drama")'
    arn = made(world, group, text, tags=[{"tagKey": "team", "tagValue": "home"}])
    assert arn == "arn:aws:personalize:us-east-1:000000000000:filter/drama"
    described = world.personalize.describe_filter(filterArn=arn)["filter"]
    assert (described["status"], described["filterExpression"]) == ("CREATE PENDING", text)
    world.work()
    described = world.personalize.describe_filter(filterArn=arn)["filter"]
    assert (described["status"], described["datasetGroupArn"]) == ("ACTIVE", group)
    [tag] = world.personalize.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tag == {"tagKey": "team", "tagValue": "home"}


def test_filters_are_listed_by_group_under_a_capital_f_without_their_expressions(world: World, group: str) -> None:
    arns = [made(world, group, name=name) for name in ("one", "two", "three")]
    pages = world.personalize.get_paginator("list_filters").paginate(
        datasetGroupArn=group, PaginationConfig={"PageSize": 2}
    )
    rows = [row for page in pages for row in page["Filters"]]
    assert [row["filterArn"] for row in rows] == arns
    assert "filterExpression" not in rows[0]
    assert world.personalize.list_filters(datasetGroupArn=world.group("shop"))["Filters"] == []


def test_a_deleted_filter_is_gone_and_its_name_is_free(world: World, group: str) -> None:
    arn = made(world, group)
    assert refused(world.personalize.delete_filter, filterArn=arn)[0] == "ResourceInUseException"
    world.work()
    assert refused(made, world=world, group=group)[0] == "ResourceAlreadyExistsException"
    world.personalize.delete_filter(filterArn=arn)
    assert world.personalize.describe_filter(filterArn=arn)["filter"]["status"] == "DELETE PENDING"
    world.work()
    assert refused(world.personalize.describe_filter, filterArn=arn)[0] == "ResourceNotFoundException"
    assert made(world, group) == arn


def test_a_filter_holds_the_datasets_and_the_group_it_stands_in(world: World, group: str) -> None:
    arn = made(world, group)
    world.work()
    [_, items] = [row["datasetArn"] for row in world.personalize.list_datasets(datasetGroupArn=group)["datasets"]]
    code, message = refused(world.personalize.delete_dataset, datasetArn=items)
    assert (code, arn in message) == ("ResourceInUseException", True)
    assert refused(world.personalize.delete_dataset_group, datasetGroupArn=group)[0] == "ResourceInUseException"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "INCLUDE ItemID WHERE Items.GENRES IN (drama)",
            (
                "Could not create filter. Invalid Expression: Character 39: found 'drama'; "
                "expected *, a $parameter, a number or a text in quotes."
            ),
        ),
        (
            'INCLUDE ItemID WHERE Items.GENRE IN ("drama") AND Items.RARE IN ("true")',
            (
                "Could not create filter. Invalid Expression: "
                "Character 22: Items has no column GENRE; did you mean GENRES?; "
                "Character 51: Items.RARE is boolean; boolean columns cannot be filtered, "
                "declare the column as a string "
                'of "True" and "False", or as an int of 0 and 1.'
            ),
        ),
        (
            "EXCLUDE ItemID WHERE Items.GENRES NOT IN ($GENRES)",
            (
                "Could not create filter. Invalid input symbol: $GENRES. "
                "Placeholders are not allowed with NOT_IN operator."
            ),
        ),
        (
            "EXCLUDE ItemID WHERE Items.PRICE > 3 IF CurrentUser.AGE < 18",
            "Could not create filter. Invalid Expression: Character 41: the dataset group has no Users dataset.",
        ),
    ],
)
def test_what_is_wrong_with_an_expression_is_told_when_it_is_made(
    world: World, group: str, expression: str, message: str
) -> None:
    create = world.personalize.create_filter
    found = refused(create, name="wrong", datasetGroupArn=group, filterExpression=expression)
    assert found == ("InvalidInputException", message)


def test_a_filter_needs_a_group_of_the_caller(world: World, group: str) -> None:
    create = world.personalize.create_filter
    gone = group.replace("films", "gone")
    assert refused(create, name="f", datasetGroupArn=gone, filterExpression=DRAMA)[0] == "ResourceNotFoundException"
    stranger = world.stranger("111111111111").personalize
    found = refused(stranger.create_filter, name="f", datasetGroupArn=group, filterExpression=DRAMA)
    assert found[0] == "ResourceNotFoundException"


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[World]:
    """A service with room for few filters and fields."""
    quotas = {"quota_filters": 3, "quota_filter_fields": 2, "quota_group_filter_fields": 2}
    yield from opened(tmp_path / "data", {**SMALL, **quotas})


def test_filters_and_their_fields_are_limited(narrow: World) -> None:
    group = narrow.group()
    narrow.dataset(group)
    narrow.dataset(group, "Items", ITEMS)
    seen = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")'
    code, message = refused(
        made, world=narrow, group=group, expression=f"{DRAMA} AND Items.PRICE > 3 AND Items.PRICE < 9 | {seen}"
    )
    assert (code, "names 3 distinct dataset fields; at most 2" in message) == ("LimitExceededException", True)
    made(narrow, group, f"{DRAMA} AND Items.PRICE > 3", "one")
    code, message = refused(made, world=narrow, group=group, expression=seen)
    assert (code, "would name 3 distinct dataset fields; at most 2" in message) == ("LimitExceededException", True)
    made(narrow, group, name="two")
    made(narrow, group, name="three")
    assert refused(made, world=narrow, group=group, name="four")[0] == "LimitExceededException"
