"""Imports through the API; the rules of single values are tried in tests/storage/records."""

import pytest

from openpersonalize.resources.datasets import table_of
from tests.world import INTERACTIONS, ITEMS, World, refused, write_clicks, write_csv

HEADER = [name for name, _ in INTERACTIONS]
PREFIX = "Failed to create a data import job for INTERACTIONS dataset in dataset group films: "


def test_an_import_becomes_active_and_is_described_as_it_was_asked(world: World) -> None:
    dataset = world.dataset(world.group())
    write_clicks(world.bucket() / "clicks.csv")
    job = world.load(dataset, "s3://films/clicks.csv")
    assert (job["status"], job["importMode"], job["datasetArn"]) == ("ACTIVE", "FULL", dataset)
    assert job["dataSource"] == {"dataLocation": "s3://films/clicks.csv"}
    assert "failureReason" not in job
    [row] = world.personalize.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
    assert row["datasetImportJobArn"] == job["datasetImportJobArn"]


def test_a_folder_is_read_whole_and_its_subfolders_are_not(world: World) -> None:
    dataset = world.dataset(world.group())
    folder = world.bucket() / "in"
    (folder / "deeper").mkdir(parents=True)
    write_clicks(folder / "one.csv", users=20)
    write_clicks(folder / "two.csv", users=20, start=1_800_000_000)
    (folder / "deeper" / "bad.csv").write_text("nonsense\n")
    (folder / "_ignored.csv").write_text("nonsense\n")
    assert world.load(dataset, "s3://films/in/")["status"] == "ACTIVE"
    assert world.parts.context.records.statistics(table_of(dataset)).bulk_rows == 2 * 20 * 15


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        (HEADER[:2], ["u", "i"], "Input CSV is missing the following columns: [EVENT_TYPE, TIMESTAMP]."),
        (HEADER, ["u", "i", "click", "soon"], "TIMESTAMP"),
        (HEADER, ["u", "", "click", 1], "ITEM_ID"),
        (HEADER, ["u" * 257, "i", "click", 1], "Length cannot be more than 256 characters for USER_ID."),
    ],
)
def test_a_bad_row_fails_the_whole_import_and_is_named(
    world: World, header: list[str], row: list[object], reason: str
) -> None:
    dataset = world.dataset(world.group())
    rows = [[f"u{number}", "i", "click", number][: len(header)] for number in range(200)]
    rows[120] = row
    write_csv(world.bucket() / "bad.csv", header, rows)
    job = world.load(dataset, "s3://films/bad.csv")
    assert job["status"] == "CREATE FAILED"
    assert job["failureReason"].startswith(PREFIX)
    assert reason in job["failureReason"]
    if len(header) == len(HEADER):
        assert "122" in job["failureReason"]
        assert "bad.csv" in job["failureReason"]
    assert not world.parts.context.records.has_bulk(table_of(dataset))


def test_too_few_rows_and_empty_folders_fail_with_their_reasons(world: World) -> None:
    dataset = world.dataset(world.group())
    write_csv(world.bucket() / "few.csv", HEADER, [["u", "i", "click", number] for number in range(99)])
    (world.bucket() / "empty").mkdir()
    few = world.load(dataset, "s3://films/few.csv", "few")
    assert few["failureReason"].startswith(f"{PREFIX}Dataset has fewer than 100 interactions.")
    empty = world.load(dataset, "s3://films/empty/", "empty")
    assert empty["failureReason"] == f"{PREFIX}No data found at s3://films/empty/."
    missing = world.load(dataset, "s3://films/missing.csv", "missing")
    assert missing["failureReason"] == f"{PREFIX}No data found at s3://films/missing.csv."


def test_a_wrong_bucket_or_location_is_refused_at_once(world: World) -> None:
    dataset = world.dataset(world.group())

    def asked(location: str) -> tuple[str, str]:
        create = world.personalize.create_dataset_import_job
        return refused(create, jobName="load", datasetArn=dataset, dataSource={"dataLocation": location})

    code, message = asked("s3://nowhere/clicks.csv")
    assert code == "InvalidInputException"
    assert message.startswith("Insufficient privileges for accessing data in S3. Please look at https://")
    assert "fix bucket policy on nowhere." in message
    assert asked("s3://films/../clicks.csv")[0] == "InvalidInputException"
    assert asked("https://example.com/clicks.csv")[1].startswith("Invalid Data location.")


def test_full_replaces_the_bulk_rows_and_incremental_adds(world: World) -> None:
    dataset = world.dataset(world.group())
    records, bucket = world.parts.context.records, world.bucket()
    write_clicks(bucket / "one.csv", users=20)
    write_clicks(bucket / "two.csv", users=30, start=1_800_000_000)
    refusal = refused(
        world.personalize.create_dataset_import_job,
        jobName="early",
        datasetArn=dataset,
        dataSource={"dataLocation": "s3://films/one.csv"},
        importMode="INCREMENTAL",
    )
    assert refusal[0] == "InvalidInputException"
    world.load(dataset, "s3://films/one.csv", "first")
    world.load(dataset, "s3://films/two.csv", "more", importMode="INCREMENTAL")
    assert records.statistics(table_of(dataset)).bulk_rows == (20 + 30) * 15
    world.load(dataset, "s3://films/two.csv", "anew")
    assert records.statistics(table_of(dataset)).bulk_rows == 30 * 15


def test_a_failed_import_leaves_the_rows_as_they_were(world: World) -> None:
    dataset = world.dataset(world.group())
    count = write_clicks(world.bucket() / "good.csv")
    world.load(dataset, "s3://films/good.csv", "good")
    (world.bucket() / "bad.csv").write_text("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu,i,click,never\n")
    assert world.load(dataset, "s3://films/bad.csv", "bad")["status"] == "CREATE FAILED"
    assert world.parts.context.records.statistics(table_of(dataset)).bulk_rows == count


def test_items_are_imported_without_a_minimum(world: World) -> None:
    dataset = world.dataset(world.group(), "Items", ITEMS)
    write_csv(world.bucket() / "items.csv", [name for name, _ in ITEMS], [["i1", "drama|noir", ""], ["i2", "", 1999]])
    assert world.load(dataset, "s3://films/items.csv")["status"] == "ACTIVE"


def test_few_action_interactions_may_be_a_first_import_and_not_an_incremental_one(world: World) -> None:
    columns = ("USER_ID", "ACTION_ID", "EVENT_TYPE")
    fields = [*((name, "string") for name in columns), ("TIMESTAMP", "long")]
    dataset = world.dataset(world.group(), "Action_Interactions", fields)
    rows = [[f"u{user}", "a1", "Taken", 1_700_000_000 + user] for user in range(100)]
    path, header = world.bucket() / "met.csv", [*columns, "TIMESTAMP"]
    write_csv(path, header, rows[:2])
    assert world.load(dataset, "s3://films/met.csv", "full")["status"] == "ACTIVE"
    job = world.load(dataset, "s3://films/met.csv", "few", importMode="INCREMENTAL")
    assert job["status"] == "CREATE FAILED"
    assert job["failureReason"].endswith("Dataset has fewer than 100 action interactions. The files hold 2.")
    write_csv(path, header, rows)
    assert world.load(dataset, "s3://films/met.csv", "enough", importMode="INCREMENTAL")["status"] == "ACTIVE"


def test_a_file_without_rows_is_told_by_its_location(world: World) -> None:
    dataset = world.dataset(world.group(), "Items", ITEMS)
    (world.bucket() / "empty.csv").write_text(",".join(name for name, _ in ITEMS) + "\n")
    reason = world.load(dataset, "s3://films/empty.csv")["failureReason"]
    assert reason.endswith("No data found at s3://films/empty.csv.")


def test_the_sixth_open_import_waits_for_its_turn(world: World) -> None:
    dataset = world.dataset(world.group())
    write_clicks(world.bucket() / "clicks.csv")
    create, source = world.personalize.create_dataset_import_job, {"dataLocation": "s3://films/clicks.csv"}
    for number in range(5):
        create(jobName=f"load-{number}", datasetArn=dataset, dataSource=source)
    assert refused(create, jobName="load-5", datasetArn=dataset, dataSource=source) == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
