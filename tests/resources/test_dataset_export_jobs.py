"""Exports through the API; which rows and how they are written is tried in tests/storage/records."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.answers import told
from tests.resources.test_individual_records import rows_of
from tests.world import ITEMS, ROLE, World, refused, write_csv

HEAD = ",".join(name for name, _ in ITEMS)


@pytest.fixture
def filled(world: World) -> tuple[World, str]:
    dataset = world.dataset(world.group(), "Items", ITEMS)
    write_csv(world.bucket() / "items.csv", HEAD.split(","), [["i1", "drama", 1990], ["i2", "noir", 1950]])
    world.load(dataset, "s3://films/items.csv")
    world.events.put_items(datasetArn=dataset, items=[{"itemId": "i1", "properties": '{"genres": "a, \\"b\\""}'}])
    return world, dataset


def export(world: World, dataset: str, name: str = "out", path: str = "s3://films/exports/", **more: Any) -> str:
    output = {"s3DataDestination": {"path": path}}
    create = world.personalize.create_dataset_export_job
    arn: str = create(jobName=name, datasetArn=dataset, roleArn=ROLE, jobOutput=output, **more)["datasetExportJobArn"]
    return arn


def test_an_export_is_described_as_it_was_asked_and_writes_what_was_put(
    filled: tuple[World, str], snapshot: Callable[[str, str], None]
) -> None:
    world, dataset = filled
    arn = export(world, dataset, path="s3://films/exports")
    assert world.personalize.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"]["status"] == (
        "CREATE PENDING"
    )
    world.work()
    snapshot(
        "describe-dataset-export-job.json",
        told(world.personalize, "describe_dataset_export_job", datasetExportJobArn=arn),
    )
    snapshot("list-dataset-export-jobs.json", told(world.personalize, "list_dataset_export_jobs", datasetArn=dataset))
    written = world.bucket() / "exports" / "out" / "part-00000.csv"
    assert written.read_text() == f'{HEAD}\ni1,"a, \\"b\\"",\n'


def test_an_export_of_everything_imports_to_the_same_rows(filled: tuple[World, str]) -> None:
    world, dataset = filled
    export(world, dataset, ingestionMode="ALL")
    world.work()
    before = rows_of(world, dataset)
    assert [row["ITEM_ID"] for row in before] == ["i2", "i1"]
    world.personalize.delete_dataset(datasetArn=dataset)
    world.work()
    group = dataset.replace(":dataset/", ":dataset-group/").rsplit("/", 1)[0]
    schema = world.schema("again", "Items", ITEMS)
    world.personalize.create_dataset(name="again", schemaArn=schema, datasetGroupArn=group, datasetType="Items")
    world.work()
    assert world.load(dataset, "s3://films/exports/out/", "back")["status"] == "ACTIVE"
    assert rows_of(world, dataset) == before


def test_a_repeat_leaves_no_part_of_an_interrupted_run_and_no_stranger_is_touched(filled: tuple[World, str]) -> None:
    world, dataset = filled
    folder = world.bucket() / "exports" / "out"
    folder.mkdir(parents=True)
    (folder / "part-00007.csv").write_text("left over")
    (folder / "notes.txt").write_text("mine")
    export(world, dataset, ingestionMode="BULK")
    world.work()
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "part-00000.csv"]


def test_other_types_buckets_and_names_are_refused(filled: tuple[World, str]) -> None:
    world, dataset = filled

    def asked(**more: Any) -> tuple[str, str]:
        output = {"s3DataDestination": {"path": more.pop("path", "s3://films/out/")}}
        given = {"jobName": "out", "datasetArn": dataset, "roleArn": ROLE, "jobOutput": output} | more
        return refused(world.personalize.create_dataset_export_job, **given)

    assert asked(path="s3://nowhere/out/")[1].startswith("Insufficient privileges for accessing data in S3.")
    assert asked(path="https://example.com/")[1].startswith("Invalid Data location.")
    assert asked(datasetArn=dataset.replace("ITEMS", "USERS"))[0] == "ResourceNotFoundException"
    assert "'ingestionMode'" in asked(ingestionMode="SOME")[1]
    fields = (("ACTION_ID", "string"), ("VALUE", "long"))
    actions = world.dataset(dataset.replace(":dataset/", ":dataset-group/").rsplit("/", 1)[0], "Actions", fields)
    code, message = asked(datasetArn=actions)
    assert (code, "type ACTIONS cannot be exported" in message) == ("InvalidInputException", True)
    arn = export(world, dataset)
    assert asked() == ("ResourceAlreadyExistsException", f"Another resource with Arn {arn} already exists.")
    assert refused(world.personalize.delete_dataset, datasetArn=dataset) == (
        "ResourceInUseException",
        f"The dataset {dataset} is needed by: {arn}.",
    )
