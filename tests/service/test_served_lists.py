"""Served lists and a real server: told to stop it writes all of them, killed it loses those of its last second."""

import time
from pathlib import Path
from typing import Any

from openpersonalize.storage import sql
from openpersonalize.storage.served import Group, Served
from tests.server import Server, serving, settled, until
from tests.service.test_restarts import PREFIX, import_clicks, prepared

SECONDS = "2"


def campaign(server: Server) -> str:
    api = prepared(server)
    settled(api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=import_clicks(api))
    solution = api.create_solution(
        name="popular",
        datasetGroupArn=f"{PREFIX}:dataset-group/films",
        recipeArn="arn:aws:personalize:::recipe/aws-popularity-count",
    )["solutionArn"]
    version = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(api.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    arn: str = api.create_campaign(name="live", solutionVersionArn=version)["campaignArn"]
    settled(api.describe_campaign, "campaign", campaignArn=arn)
    return arn


def answered(server: Server, arn: str, users: range) -> set[str]:
    runtime = server.client("personalize-runtime")
    return {runtime.get_recommendations(campaignArn=arn, userId=f"u{number}")["recommendationId"] for number in users}


def kept(server: Server) -> list[Any]:
    """The ids of all lists, settled here if the worker has not done it."""
    engine = sql.engine(f"sqlite:///{server.data_dir}/events.db")
    served, group = Served.open(server.data_dir / "records", engine), Group("000000000000", "us-east-1", "films")
    served.settle(group)
    table = served.table(group)
    engine.dispose()
    return [] if table is None else table.to_pyarrow_table()["recommendation_id"].to_pylist()


def test_lists_outlive_a_stop_and_a_kill_and_the_worker_settles_them(tmp_path: Path) -> None:
    with serving(tmp_path, OPENPERSONALIZE_EVENT_SETTLE_SECONDS=SECONDS) as server:
        arn = campaign(server)
        first = answered(server, arn, range(5))
        assert server.stop() == 0
        assert sorted(kept(server)) == sorted(first)
        server.start()
        second = answered(server, arn, range(5, 9))
        time.sleep(2)  # twice what a process remembers
        last = answered(server, arn, range(9, 11))
        server.kill()
        found = kept(server)
        assert first | second <= set(found) <= first | second | last
        assert len(found) == len(set(found))
        server.start()
        third = answered(server, arn, range(11, 14))
        folder = tmp_path / "records" / "000000000000" / "us-east-1" / "films" / "recommendations"
        commits = len(list((folder / "_delta_log").glob("*.json")))
        until(lambda: len(list((folder / "_delta_log").glob("*.json"))) > commits)
        assert third <= set(kept(server))
