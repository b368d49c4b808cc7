"""UpdateDataset: more columns, and nobody who exists already learns from them."""

from collections.abc import Callable
from typing import Any

import pytest

from openpersonalize.resources.datasets import Dataset, schema_for, schema_of
from tests.answers import told
from tests.resources.test_individual_records import rows_of
from tests.world import ITEMS, World, refused, write_csv

MORE = (*ITEMS, ("COUNTRY", ["null", "string"]))


@pytest.fixture
def items(world: World) -> tuple[World, str]:
    return world, world.dataset(world.group(), "Items", ITEMS)


def test_a_dataset_leaves_active_while_its_schema_is_replaced(
    items: tuple[World, str], snapshot: Callable[[str, str], None]
) -> None:
    world, dataset = items
    schema = world.schema("more", "Items", MORE)
    answer = world.personalize.update_dataset(datasetArn=dataset, schemaArn=schema)
    assert answer["datasetArn"] == dataset
    pending = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    assert pending["status"] == pending["latestDatasetUpdate"]["status"] == "UPDATE PENDING"
    assert pending["latestDatasetUpdate"]["schemaArn"] == schema != pending["schemaArn"]
    busy: dict[Any, dict[str, Any]] = {
        world.personalize.delete_dataset: {"datasetArn": dataset},
        world.personalize.update_dataset: {"datasetArn": dataset, "schemaArn": schema},
        world.events.put_items: {"datasetArn": dataset, "items": [{"itemId": "i"}]},
    }
    for call, members in busy.items():
        assert refused(call, **members)[0] == "ResourceInUseException"
    world.work()
    snapshot("describe-dataset-updated.json", told(world.personalize, "describe_dataset", datasetArn=dataset))


def test_rows_from_before_read_as_null_and_new_ones_bring_the_column(items: tuple[World, str]) -> None:
    world, dataset = items
    write_csv(world.bucket() / "items.csv", [name for name, _ in ITEMS], [["i1", "drama", 1990]])
    world.load(dataset, "s3://films/items.csv")
    world.events.put_items(datasetArn=dataset, items=[{"itemId": "i2"}])
    world.personalize.update_dataset(datasetArn=dataset, schemaArn=world.schema("more", "Items", MORE))
    world.work()
    world.events.put_items(datasetArn=dataset, items=[{"itemId": "i3", "properties": '{"country": "FR"}'}])
    assert {row["ITEM_ID"]: row["COUNTRY"] for row in rows_of(world, dataset)} == {"i1": None, "i2": None, "i3": "FR"}


def test_what_was_made_before_does_not_see_the_new_column(items: tuple[World, str]) -> None:
    world, arn = items
    before = world.parts.context.now()
    world.personalize.update_dataset(datasetArn=arn, schemaArn=world.schema("more", "Items", MORE))
    world.work()
    with world.parts.context.metadata.reading() as tx:
        dataset = tx.get(Dataset, arn)
        assert "COUNTRY" in schema_of(tx, dataset).by_name
        assert "COUNTRY" not in schema_for(tx, dataset, before).by_name
        assert "COUNTRY" in schema_for(tx, dataset, world.parts.context.now()).by_name


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        (ITEMS[:2], "YEAR: missing; every column of the current schema must stay"),
        ((*ITEMS[:2], ("YEAR", ["null", "long"])), "YEAR: type and attributes must stay as they are"),
        ((*ITEMS, ("COUNTRY", "string")), "COUNTRY: an added column must be nullable"),
    ],
)
def test_a_schema_that_takes_away_or_demands_more_is_refused(items: tuple[World, str], fields: Any, rule: str) -> None:
    world, dataset = items
    schema = world.schema("other", "Items", fields)
    code, message = refused(world.personalize.update_dataset, datasetArn=dataset, schemaArn=schema)
    assert (code, rule in message) == ("InvalidInputException", True), message
    assert world.personalize.describe_dataset(datasetArn=dataset)["dataset"]["status"] == "ACTIVE"


def test_the_same_schema_events_and_what_is_not_there_are_refused(items: tuple[World, str]) -> None:
    world, dataset = items
    update = world.personalize.update_dataset
    schema = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]["schemaArn"]
    assert "already" in refused(update, datasetArn=dataset, schemaArn=schema)[1]
    group = dataset.replace(":dataset/", ":dataset-group/").rsplit("/", 1)[0]
    events = world.dataset(group)
    assert "INTERACTIONS cannot be replaced" in refused(update, datasetArn=events, schemaArn=schema)[1]
    missing = dataset.replace("ITEMS", "USERS")
    assert refused(update, datasetArn=missing, schemaArn=schema)[0] == "ResourceNotFoundException"
    assert refused(update, datasetArn=dataset, schemaArn=f"{schema}2")[0] == "ResourceNotFoundException"


def test_an_open_import_comes_first(items: tuple[World, str]) -> None:
    world, dataset = items
    write_csv(world.bucket() / "items.csv", [name for name, _ in ITEMS], [["i1", "drama", 1990]])
    job = world.personalize.create_dataset_import_job(
        jobName="load", datasetArn=dataset, dataSource={"dataLocation": "s3://films/items.csv"}
    )["datasetImportJobArn"]
    schema = world.schema("more", "Items", MORE)
    assert refused(world.personalize.update_dataset, datasetArn=dataset, schemaArn=schema) == (
        "ResourceInUseException",
        f"The dataset {dataset} is in use by: {job}.",
    )
