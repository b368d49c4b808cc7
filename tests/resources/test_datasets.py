from tests.world import INTERACTIONS, ITEMS, World, refused


def test_a_datasets_arn_names_group_and_type(world: World) -> None:
    dataset = world.dataset(world.group())
    assert dataset == "arn:aws:personalize:us-east-1:000000000000:dataset/films/INTERACTIONS"
    described = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    assert (described["datasetType"], described["status"]) == ("INTERACTIONS", "ACTIVE")
    [row] = world.personalize.list_datasets(datasetGroupArn=described["datasetGroupArn"])["datasets"]
    assert set(row) == {"name", "datasetArn", "datasetType", "status", "creationDateTime", "lastUpdatedDateTime"}


def test_a_group_has_one_dataset_of_a_type(world: World) -> None:
    group = world.group()
    dataset = world.dataset(group)
    schema = world.schema("again", "Interactions", INTERACTIONS)
    code, message = refused(
        world.personalize.create_dataset,
        name="again",
        schemaArn=schema,
        datasetGroupArn=group,
        datasetType="INTERACTIONS",
    )
    assert (code, message) == (
        "ResourceAlreadyExistsException",
        f"Another resource with Arn {dataset} already exists.",
    )


def test_a_schema_must_fit_type_and_domain(world: World) -> None:
    shop = world.group("shop", domain="ECOMMERCE")
    schema = world.schema("items", "Items", ITEMS)
    code, message = refused(
        world.personalize.create_dataset,
        name="users",
        schemaArn=schema,
        datasetGroupArn=shop,
        datasetType="Users",
    )
    assert code == "InvalidInputException"
    assert "is a schema for Items, the dataset's type is USERS" in message
    assert "is a custom schema, the dataset group is ECOMMERCE" in message


def test_an_unknown_type_is_told_with_the_known_ones(world: World) -> None:
    group, schema = world.group(), world.schema("items", "Items", ITEMS)
    code, message = refused(
        world.personalize.create_dataset, name="x", schemaArn=schema, datasetGroupArn=group, datasetType="Films"
    )
    assert code == "InvalidInputException"
    assert "INTERACTIONS, ITEMS, USERS" in message


def test_a_dataset_that_a_tracker_feeds_is_not_deleted(world: World) -> None:
    group = world.group()
    dataset = world.dataset(group)
    tracker = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["eventTrackerArn"]
    world.work()
    assert refused(world.personalize.delete_dataset, datasetArn=dataset) == (
        "ResourceInUseException",
        f"The dataset {dataset} is needed by: {tracker}.",
    )


def test_deleting_a_dataset_drops_its_rows_and_frees_its_jobs_names(world: World) -> None:
    group = world.with_clicks()
    dataset = f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS"
    table = world.parts.settings.data_dir / "records" / "000000000000" / "us-east-1" / "films" / "interactions"
    assert table.is_dir()
    world.personalize.delete_dataset(datasetArn=dataset)
    world.work()
    assert not table.exists()
    assert world.personalize.list_dataset_import_jobs()["datasetImportJobs"] == []
