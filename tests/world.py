"""A whole service in one process: boto3 clients in front, a worker that runs when a test says so, no socket.

world.personalize.create_dataset_group(name="films")
world.work()                                      # every job that is due, here and now
"""

import csv
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from openpersonalize import app, settings
from openpersonalize.clock import Clock
from openpersonalize.wire.identity import Identity
from tests.clients import client

ROLE = "arn:aws:iam::000000000000:role/films"
SERVICES = ("personalize", "personalize-events", "personalize-runtime")
INTERACTIONS = (("USER_ID", "string"), ("ITEM_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long"))
ITEMS = (("ITEM_ID", "string"), ("GENRES", ["null", "string"]), ("YEAR", ["null", "int"]))
SMALL = {
    "event_settle_seconds": 1e7,
    "minimum_interactions": 100,
    "minimum_users": 5,
    "train_threads": 1,
}


@dataclass
class World:
    """The service, seen by one account."""

    parts: app.Parts
    door: Any
    identity: Identity

    def __post_init__(self) -> None:
        self.personalize, self.events, self.runtime = (client(name, self.door, self.identity) for name in SERVICES)
        self.worker = app.worker(self.parts)

    def work(self) -> None:
        """Run all jobs that are due, in this thread."""
        self.worker.drain()

    def bucket(self, name: str = "films") -> Path:
        """The folder behind `s3://<name>`."""
        folder = self.parts.settings.data_dir / "s3" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stranger(self, account: str) -> "World":
        """The same service, seen by another account."""
        made = self.parts.context.metadata.credentials.create(account, f"arn:aws:iam::{account}:root")
        return World(self.parts, self.door, Identity(made.access_key_id, made.secret, account, made.principal_arn))

    def group(self, name: str = "films", **more: Any) -> str:
        """An ACTIVE dataset group."""
        arn: str = self.personalize.create_dataset_group(name=name, **more)["datasetGroupArn"]
        self.work()
        return arn

    def schema(self, name: str, kind: str, fields: Sequence[tuple[str, Any]]) -> str:
        """A schema of these columns; strings named GENRES are categorical."""
        text = json.dumps({"type": "record", "name": kind, "fields": [_field(*field) for field in fields]})
        arn: str = self.personalize.create_schema(name=name, schema=text)["schemaArn"]
        return arn

    def dataset(self, group: str, kind: str = "Interactions", fields: Sequence[tuple[str, Any]] = INTERACTIONS) -> str:
        """An ACTIVE dataset with a schema of its own."""
        name = f"{group.rsplit('/', 1)[-1]}-{kind.lower()}"
        schema = self.schema(name, kind, fields)
        arn: str = self.personalize.create_dataset(
            name=name, schemaArn=schema, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        self.work()
        return arn

    def load(self, dataset: str, location: str, name: str = "load", **more: Any) -> dict[str, Any]:
        """Import and say what became of it."""
        arn = self.personalize.create_dataset_import_job(
            jobName=name, datasetArn=dataset, dataSource={"dataLocation": location}, roleArn=ROLE, **more
        )["datasetImportJobArn"]
        self.work()
        job: dict[str, Any] = self.personalize.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"]
        return job

    def trained(self, group: str, recipe: str, name: str = "model", **more: Any) -> str:
        """An ACTIVE solution version of a new solution."""
        solution = self.personalize.create_solution(
            name=name, datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}", **more
        )["solutionArn"]
        arn: str = self.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        self.work()
        version = self.personalize.describe_solution_version(solutionVersionArn=arn)["solutionVersion"]
        assert version["status"] == "ACTIVE", version
        return arn

    def campaign(self, version: str, name: str = "live", **more: Any) -> str:
        """An ACTIVE campaign."""
        arn: str = self.personalize.create_campaign(name=name, solutionVersionArn=version, **more)["campaignArn"]
        self.work()
        return arn

    def with_clicks(self, users: int = 40, items: int = 30) -> str:
        """A dataset group with interactions: even users like even items, odd users odd ones."""
        group = self.group()
        dataset = self.dataset(group)
        write_clicks(self.bucket() / "clicks.csv", users, items)
        assert self.load(dataset, "s3://films/clicks.csv")["status"] == "ACTIVE"
        return group


def _field(name: str, kind: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **({"categorical": True} if name == "GENRES" else {})}


def refused(call: Any, **members: Any) -> tuple[str, str]:
    """The code and message with which a call is refused."""
    with pytest.raises(ClientError) as fault:
        call(**members)
    error = fault.value.response["Error"]
    return error["Code"], error["Message"]


def write_clicks(path: Path, users: int = 40, items: int = 30, *, start: int = 1_700_000_000) -> int:
    """A CSV in which users like items of their own parity, each in an order of their own; returns the rows."""
    draw = random.Random(1)
    rows = []
    for user in range(users):
        liked = [item for item in range(items) if item % 2 == user % 2]
        draw.shuffle(liked)
        rows += [(f"u{user}", f"i{item}", "click", start + 60 * place + user) for place, item in enumerate(liked)]
    write_csv(path, [name for name, _ in INTERACTIONS], rows)
    return len(rows)


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A CSV file as Python's own writer makes it."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A service on SQLite with small minimums, so that small data train."""
    yield from opened(tmp_path / "data", SMALL)


def opened(data_dir: Path, overrides: dict[str, Any], clock: Clock | None = None) -> Iterator[World]:
    """A service with these settings, closed at the end."""
    chosen = settings.load(data_dir, overrides, {})
    parts = app.open_parts(chosen, clock)
    made = parts.context.metadata.credentials.create(chosen.account, f"arn:aws:iam::{chosen.account}:root")
    identity = Identity(made.access_key_id, made.secret, chosen.account, made.principal_arn)
    try:
        yield World(parts, app.serving_app(parts), identity)
    finally:
        parts.close()
