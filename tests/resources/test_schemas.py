import json

from tests.world import INTERACTIONS, World, refused


def test_a_schema_comes_back_as_it_was_sent(world: World) -> None:
    text = (
        '{"type":"record", "name":"Interactions",\n "fields":['
        + ",".join(json.dumps({"name": name, "type": kind}) for name, kind in INTERACTIONS)
        + '], "version":"1.0"}'
    )
    arn = world.personalize.create_schema(name="clicks", schema=text)["schemaArn"]
    assert arn == "arn:aws:personalize:us-east-1:000000000000:schema/clicks"
    described = world.personalize.describe_schema(schemaArn=arn)["schema"]
    assert described["schema"] == text
    assert "status" not in described
    [row] = world.personalize.list_schemas()["schemas"]
    assert row["schemaArn"] == arn
    assert "schema" not in row


def test_all_faults_of_a_schema_are_told_at_once(world: World) -> None:
    fields = [{"name": "USER_ID", "type": "int"}, {"name": "ITEM_ID", "type": "string"}]
    text = json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    code, message = refused(world.personalize.create_schema, name="clicks", schema=text)
    assert code == "InvalidInputException"
    assert "USER_ID" in message
    assert "TIMESTAMP" in message


def test_a_schema_in_use_is_not_deleted(world: World) -> None:
    dataset = world.dataset(world.group())
    schema = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]["schemaArn"]
    assert refused(world.personalize.delete_schema, schemaArn=schema) == (
        "ResourceInUseException",
        f"The schema {schema} is used by: {dataset}.",
    )
    world.personalize.delete_dataset(datasetArn=dataset)
    assert refused(world.personalize.delete_schema, schemaArn=schema)[0] == "ResourceInUseException"
    world.work()
    world.personalize.delete_schema(schemaArn=schema)
    assert refused(world.personalize.describe_schema, schemaArn=schema)[0] == "ResourceNotFoundException"
