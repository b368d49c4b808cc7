"""PutItems, PutUsers and PutActions: records by id, newer ones in the place of older ones."""

import json
from typing import Any

import pytest

from openpersonalize.resources.datasets import Dataset as DatasetRecord
from openpersonalize.resources.datasets import schema_of, table_of
from tests.answers import told
from tests.world import ITEMS, World, refused, write_csv

USERS = (("USER_ID", "string"), ("AGE", ["null", "int"]), ("GENRES", ["null", "string"]))
ACTIONS = (("ACTION_ID", "string"), ("VALUE", ["null", "long"]), ("ACTION_EXPIRATION_TIMESTAMP", ["null", "long"]))
CALLS = {
    "Items": (ITEMS, "put_items", "items", "itemId", "YEAR"),
    "Users": (USERS, "put_users", "users", "userId", "AGE"),
    "Actions": (ACTIONS, "put_actions", "actions", "actionId", "VALUE"),
}


def rows_of(world: World, dataset: str) -> list[dict[str, Any]]:
    """The rows of a dataset that count, settled first."""
    records, table = world.parts.context.records, table_of(dataset)
    with world.parts.context.metadata.reading() as tx:
        schema = schema_of(tx, tx.get(DatasetRecord, dataset))
    records.settle(table, schema)
    with records.snapshot(table, schema) as snapshot:
        rows: list[dict[str, Any]] = snapshot.arrow().read_all().to_pylist()
    return rows


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_a_record_is_kept_and_the_same_id_again_replaces_it(world: World, kind: str) -> None:
    fields, call, member, name, number = CALLS[kind]
    dataset = world.dataset(world.group(), kind, fields)
    assert told(world.events, call, datasetArn=dataset, **{member: [{name: "a"}]}) == ""
    again = [{name: "a", "properties": json.dumps({number: "3"})}, {name: "b"}]
    getattr(world.events, call)(datasetArn=dataset, **{member: again})
    assert {row[fields[0][0]]: row[number] for row in rows_of(world, dataset)} == {"a": 3, "b": None}


def test_what_is_put_replaces_what_was_imported_and_the_other_way_round(world: World) -> None:
    dataset = world.dataset(world.group(), "Items", ITEMS)
    header = [name for name, _ in ITEMS]
    write_csv(world.bucket() / "items.csv", header, [["i1", "drama", 1990], ["i2", "noir", 1950]])
    world.load(dataset, "s3://films/items.csv")
    world.events.put_items(datasetArn=dataset, items=[{"itemId": "i1", "properties": '{"genres": ["drama", "noir"]}'}])
    assert {"ITEM_ID": "i1", "GENRES": "drama|noir", "YEAR": None} in rows_of(world, dataset)
    write_csv(world.bucket() / "items.csv", header, [["i1", "comedy", 1991]])
    world.load(dataset, "s3://films/items.csv", "again")
    assert rows_of(world, dataset) == [{"ITEM_ID": "i1", "GENRES": "comedy", "YEAR": 1991}]


@pytest.mark.parametrize(
    ("properties", "told_rule"),
    [
        ("{", "Error parsing properties json"),
        ("[]", "Error parsing properties json"),
        ('{"year": "late"}', "items.2.member: YEAR: must be a whole number."),
        ('{"genres": 1, "year": 3.5}', "items.2.member: YEAR: must be a whole number."),
    ],
)
def test_one_bad_record_refuses_them_all_and_is_named(world: World, properties: str, told_rule: str) -> None:
    dataset = world.dataset(world.group(), "Items", ITEMS)
    records = [{"itemId": "i1"}, {"itemId": "i2", "properties": properties}]
    assert refused(world.events.put_items, datasetArn=dataset, items=records) == ("InvalidInputException", told_rule)
    assert rows_of(world, dataset) == []


def test_a_record_without_properties_needs_columns_that_may_be_null(world: World) -> None:
    fields = (("ITEM_ID", "string"), ("PRICE", "float"))
    dataset = world.dataset(world.group(), "Items", fields)
    code, message = refused(world.events.put_items, datasetArn=dataset, items=[{"itemId": "i1"}])
    assert (code, message.startswith("items.1.member: PRICE: a value is required")) == ("InvalidInputException", True)


def test_missing_busy_foreign_and_wrong_datasets_are_refused(world: World) -> None:
    group = world.group()
    dataset = world.dataset(group, "Items", ITEMS)
    items = [{"itemId": "i1"}]
    assert refused(world.events.put_users, datasetArn=dataset, users=[{"userId": "u"}])[0] == "InvalidInputException"
    stranger = world.stranger("111122223333")
    assert refused(stranger.events.put_items, datasetArn=dataset, items=items)[0] == "ResourceNotFoundException"
    missing = dataset.replace("ITEMS", "USERS")
    assert refused(world.events.put_users, datasetArn=missing, users=[{"userId": "u"}]) == (
        "ResourceNotFoundException",
        f"Resource Arn {missing} does not exist.",
    )
    world.personalize.delete_dataset(datasetArn=dataset)
    assert refused(world.events.put_items, datasetArn=dataset, items=items)[0] == "ResourceInUseException"


def test_eleven_records_are_too_many(world: World) -> None:
    dataset = world.dataset(world.group(), "Items", ITEMS)
    items = [{"itemId": f"i{number}"} for number in range(11)]
    code, message = refused(world.events.put_items, datasetArn=dataset, items=items)
    assert (code, "'items'" in message) == ("InvalidInputException", True)
