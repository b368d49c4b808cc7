"""The command line from outside: start, readiness, several processes, credentials, a clean end."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.server import serving, settled, until
from tests.service.test_restarts import PREFIX, import_clicks, prepared


def command(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "openpersonalize", *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_server_is_ready_counts_its_calls_and_ends_cleanly(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.client("personalize").list_schemas()["schemas"] == []
        with urllib.request.urlopen(f"{server.url}/metrics") as answer:
            assert 'openpersonalize_requests_total{code="OK",operation="ListSchemas"} 1.0' in answer.read().decode()
        with urllib.request.urlopen(f"{server.url}/healthz") as answer:
            assert json.load(answer) == {"status": "ok"}
        children = server.children()
        assert server.stop() == 0
        assert not [number for number in children if (Path("/proc") / str(number)).exists()]
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o600


def test_an_event_taken_by_one_process_is_seen_by_all_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, "--processes", "2") as server:
        api = prepared(server)
        settled(api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=import_clicks(api))
        group = f"{PREFIX}:dataset-group/films"
        recipe = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
        solution = api.create_solution(name="m", datasetGroupArn=group, recipeArn=recipe)["solutionArn"]
        version = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        settled(api.describe_solution_version, "solutionVersion", solutionVersionArn=version)
        campaign = api.create_campaign(name="live", solutionVersionArn=version)["campaignArn"]
        settled(api.describe_campaign, "campaign", campaignArn=campaign)
        tracking_id = api.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
        doors = [command for command in server.children().values() if " door " in command]
        assert len(doors) == 1

        def first(user: str) -> list[str]:
            runtime = server.client("personalize-runtime")  # a connection of its own, to whichever process takes it
            rows = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=5)["itemList"]
            return [row["itemId"] for row in rows]

        until(lambda: first("warm-up"))
        for number in range(10):
            before = first(f"new-{number}")
            events = server.client("personalize-events")
            event = {"eventType": "click", "itemId": "i1", "sentAt": 1_800_000_000}
            events.put_events(trackingId=tracking_id, userId=f"new-{number}", sessionId="s", eventList=[event])
            after = [first(f"new-{number}") for _ in range(4)]
            assert all(answer == after[0] != before for answer in after)


def test_credentials_are_made_listed_and_revoked_while_the_server_runs(tmp_path: Path) -> None:
    import configparser

    import boto3

    with serving(tmp_path) as server:
        text = command("credentials", "create", "--data-dir", str(tmp_path), "--account", "111122223333")
        keys = configparser.ConfigParser()
        keys.read_string(text)
        [name] = keys.sections()
        session = boto3.Session(
            keys[name]["aws_access_key_id"], keys[name]["aws_secret_access_key"], region_name="us-east-1"
        )
        api = session.client("personalize", endpoint_url=server.url)
        arn = api.create_dataset_group(name="theirs")["datasetGroupArn"]
        assert ":111122223333:" in arn
        assert keys[name]["aws_access_key_id"] in command("credentials", "list", "--data-dir", str(tmp_path))
        command("credentials", "revoke", keys[name]["aws_access_key_id"], "--data-dir", str(tmp_path))

        def revoked() -> bool:
            with pytest.raises(ClientError, match="UnrecognizedClientException"):
                api.list_dataset_groups()
            return True

        until(lambda: _refused(api) and revoked(), 5)


def _refused(api: object) -> bool:
    try:
        api.list_dataset_groups()  # type: ignore[attr-defined]
    except ClientError:
        return True
    return False


def test_the_serving_application_loads_neither_torch_nor_ray_nor_the_tools_of_imports() -> None:
    heavy = ["torch", "ray", "duckdb", "deltalake", "pyarrow", "onnx", "scipy.sparse", "boto3"]
    code = f"import sys, openpersonalize.app; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_wrong_settings_end_the_start_with_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "openpersonalize.toml").write_text('port = "x"\nthreds = 1\n')
    done = subprocess.run(
        [sys.executable, "-m", "openpersonalize", "serve", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "port = 'x': expected a whole number" in done.stderr
    assert "did you mean threads?" in done.stderr
