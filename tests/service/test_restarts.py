"""What dies and what stays: the server, its worker and its jobs are killed at the worst moments."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

from tests.server import Server, serving, settled, until
from tests.world import INTERACTIONS, write_clicks

PREFIX = "arn:aws:personalize:us-east-1:000000000000"


def prepared(server: Server, users: int = 40) -> Any:
    """A dataset group with an Interactions dataset and a file to import."""
    bucket = server.data_dir / "s3" / "films"
    bucket.mkdir(parents=True, exist_ok=True)
    write_clicks(bucket / "clicks.csv", users=users)
    api = server.client("personalize")
    fields = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
    schema = api.create_schema(
        name="films", schema=json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    )["schemaArn"]
    group = api.create_dataset_group(name="films")["datasetGroupArn"]
    settled(api.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    arn = api.create_dataset(name="films", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    settled(api.describe_dataset, "dataset", datasetArn=arn["datasetArn"])
    return api


def import_clicks(api: Any) -> str:
    arn: str = api.create_dataset_import_job(
        jobName="load",
        datasetArn=f"{PREFIX}:dataset/films/INTERACTIONS",
        dataSource={"dataLocation": "s3://films/clicks.csv"},
    )["datasetImportJobArn"]
    return arn


def job_of(server: Server) -> int | None:
    """The process of a running job."""
    return next((number for number, command in server.children().items() if " job " in command), None)


def rows(server: Server) -> int:
    from deltalake import DeltaTable

    folder = server.data_dir / "records" / "000000000000" / "us-east-1" / "films" / "interactions"
    return int(DeltaTable(folder).to_pyarrow_dataset().count_rows())


def test_an_import_survives_the_death_of_its_process_of_the_worker_and_of_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        api = prepared(server, users=4000)
        job = import_clicks(api)
        os.kill(until(lambda: job_of(server)), signal.SIGKILL)
        worker = next(number for number, command in server.children().items() if " work " in command)
        until(lambda: job_of(server))
        os.kill(worker, signal.SIGKILL)
        until(lambda: any(" work " in command for command in server.children().values()))
        until(lambda: job_of(server) or _active(api, job))
        server.kill()
        assert not server.children()
        server.start()
        api = server.client("personalize")
        settled(api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
        assert rows(server) == 4000 * 15


def _active(api: Any, job: str) -> bool:
    status = api.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]["status"]
    return bool(status == "ACTIVE")


def test_a_training_survives_the_death_of_the_server_and_can_be_stopped(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        api = prepared(server, users=700)
        settled(api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=import_clicks(api))
        solution = api.create_solution(
            name="m",
            datasetGroupArn=f"{PREFIX}:dataset-group/films",
            recipeArn="arn:aws:personalize:::recipe/aws-user-personalization-v2",
        )["solutionArn"]
        version = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]

        def status(of: str = version) -> str:
            text: str = api.describe_solution_version(solutionVersionArn=of)["solutionVersion"]["status"]
            return text

        until(lambda: status() == "CREATE IN_PROGRESS")
        server.kill()
        server.start()
        api = server.client("personalize")
        settled(api.describe_solution_version, "solutionVersion", solutionVersionArn=version)
        assert api.get_solution_metrics(solutionVersionArn=version)["metrics"]["coverage"] > 0

        other = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        until(lambda: status(other) == "CREATE IN_PROGRESS")
        until(lambda: _progress(api, other))
        api.stop_solution_version_creation(solutionVersionArn=other)
        assert status(other) in {"CREATE STOPPING", "CREATE STOPPED"}
        until(lambda: status(other) == "CREATE STOPPED", 15)
        until(lambda: job_of(server) is None, 10)


def _progress(api: Any, version: str) -> str | None:
    headers = api.describe_solution_version(solutionVersionArn=version)["ResponseMetadata"]["HTTPHeaders"]
    told: str | None = headers.get("x-openpersonalize-progress")
    return told


def test_every_acknowledged_event_outlives_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        api = prepared(server)
        group = f"{PREFIX}:dataset-group/films"
        tracking_id = api.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
        events = server.client("personalize-events", max_pool_connections=20)
        acknowledged: list[int] = []

        def send(first: int) -> None:
            for number in range(first, first + 50):
                event = {"eventType": "click", "itemId": f"i{number}", "sentAt": 1_700_000_000 + number}
                events.put_events(trackingId=tracking_id, userId="u", sessionId="s", eventList=[event])
                acknowledged.append(number)

        threads = [threading.Thread(target=send, args=(50 * number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(acknowledged) == 1000
        server.kill()
    assert _streamed(tmp_path) == 1000


def _streamed(data_dir: Path) -> int:
    from openpersonalize import app, settings
    from openpersonalize.resources.datasets import table_of

    parts = app.open_parts(settings.load(data_dir, {}, {}))
    try:
        kept = parts.context.records.recent(table_of(f"{PREFIX}:dataset/films/INTERACTIONS"), "u", limit=2000)
        return len({row.item_id for row in kept})
    finally:
        parts.close()
