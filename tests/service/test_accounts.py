"""Several accounts in one server, each by keys of its own: what one has made, another neither sees nor touches."""

import configparser
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from openpersonalize.cli.credentials import cli
from tests.server import Server, serving, settled
from tests.world import INTERACTIONS, refused, write_clicks

FIRST, SECOND = "111122223333", "444455556666"

pytestmark = pytest.mark.xdist_group("accounts")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("accounts")) as started:
        yield started


def keys(server: Server, account: str) -> configparser.SectionProxy:
    """A new key, as the command prints it."""
    made = command(server, "create", "--account", account)
    read = configparser.ConfigParser()
    read.read_string(made)
    return read[f"openpersonalize-{account}"]


def session(own: configparser.SectionProxy, region: str = "us-east-1") -> boto3.Session:
    return boto3.Session(own["aws_access_key_id"], own["aws_secret_access_key"], region_name=region)


@pytest.fixture(scope="module")
def two(server: Server) -> tuple[boto3.Session, boto3.Session]:
    return session(keys(server, FIRST)), session(keys(server, SECOND))


def api(server: Server, who: boto3.Session, kind: str = "", region: str | None = None) -> Any:
    return who.client(f"personalize{kind}", endpoint_url=server.url, region_name=region)


def schema(client: Any, name: str = "clicks") -> str:
    fields = [{"name": column, "type": kind} for column, kind in INTERACTIONS]
    text = json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    arn: str = client.create_schema(name=name, schema=text)["schemaArn"]
    return arn


def test_the_same_names_stand_beside_each_other_by_account_and_by_region(
    server: Server, two: tuple[boto3.Session, boto3.Session]
) -> None:
    mine, theirs = (api(server, who) for who in two)
    abroad = api(server, two[0], region="eu-west-1")
    arns = [schema(client) for client in (mine, theirs, abroad)]
    assert [arn.split(":")[3:5] for arn in arns] == [["us-east-1", FIRST], ["us-east-1", SECOND], ["eu-west-1", FIRST]]
    for client, arn in zip((mine, theirs, abroad), arns, strict=True):
        assert [row["schemaArn"] for row in client.list_schemas()["schemas"]] == [arn]
        for other in arns:
            if other != arn:
                assert refused(client.describe_schema, schemaArn=other)[0] == "ResourceNotFoundException"
                assert refused(client.delete_schema, schemaArn=other)[0] == "ResourceNotFoundException"
    mine.delete_schema(schemaArn=arns[0])
    assert theirs.describe_schema(schemaArn=arns[1])["schema"]["name"] == "clicks"
    assert abroad.describe_schema(schemaArn=arns[2])["schema"]["name"] == "clicks"


def test_data_tags_and_events_of_one_account_are_closed_to_another(
    server: Server, two: tuple[boto3.Session, boto3.Session]
) -> None:
    mine, theirs = (api(server, who) for who in two)
    bucket = server.data_dir / "s3" / "shared"
    bucket.mkdir(parents=True, exist_ok=True)
    write_clicks(bucket / "clicks.csv", users=20, items=20)
    group = mine.create_dataset_group(name="shop", tags=[{"tagKey": "owner", "tagValue": "first"}])["datasetGroupArn"]
    settled(mine.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    own = {"name": "shop", "datasetGroupArn": group, "datasetType": "Interactions"}
    own_schema, their_schema = schema(mine, "shop"), schema(theirs, "shop")
    assert refused(theirs.create_dataset, schemaArn=their_schema, **own)[0] == "ResourceNotFoundException"
    assert refused(mine.create_dataset, schemaArn=their_schema, **own)[0] == "ResourceNotFoundException"
    dataset = mine.create_dataset(schemaArn=own_schema, **own)["datasetArn"]
    settled(mine.describe_dataset, "dataset", datasetArn=dataset)
    load = {"jobName": "load", "datasetArn": dataset, "dataSource": {"dataLocation": "s3://shared/clicks.csv"}}
    assert refused(theirs.create_dataset_import_job, **load)[0] == "ResourceNotFoundException"
    tracking_id = mine.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "click", "itemId": "i1", "sentAt": 1_800_000_000}
    put = {"trackingId": tracking_id, "userId": "u1", "sessionId": "s1", "eventList": [event]}
    assert refused(api(server, two[1], "-events").put_events, **put)[0] == "InvalidInputException"
    api(server, two[0], "-events").put_events(**put)
    label = [{"tagKey": "a", "tagValue": "b"}]
    assert refused(theirs.list_tags_for_resource, resourceArn=group)[0] == "ResourceNotFoundException"
    assert refused(theirs.tag_resource, resourceArn=group, tags=label)[0] == "ResourceNotFoundException"
    assert refused(theirs.untag_resource, resourceArn=group, tagKeys=["owner"])[0] == "ResourceNotFoundException"
    assert mine.list_tags_for_resource(resourceArn=group)["tags"] == [{"tagKey": "owner", "tagValue": "first"}]
    assert theirs.list_dataset_groups()["datasetGroups"] == []
    assert theirs.list_datasets()["datasets"] == []


def test_two_keys_of_an_account_see_the_same_and_are_revoked_one_by_one(server: Server) -> None:
    account = "777788889999"
    first, second = keys(server, account), keys(server, account)
    assert first["aws_access_key_id"] != second["aws_access_key_id"]
    arn = schema(api(server, session(first)))
    assert api(server, session(second)).describe_schema(schemaArn=arn)["schema"]["schemaArn"] == arn
    listed = command(server, "list")
    assert listed.count(f"  {account}  ") == 2
    assert first["aws_secret_access_key"] not in listed
    command(server, "revoke", first["aws_access_key_id"])
    assert command(server, "list").count(f"  {account}  ") == 1
    assert api(server, session(second)).describe_schema(schemaArn=arn)["schema"]["schemaArn"] == arn


def test_a_wrong_account_and_an_unknown_key_are_told(server: Server) -> None:
    wrong = run(server, "create", "--account", "12")
    assert wrong.exit_code == 2
    assert "'12' is not an account: twelve digits" in wrong.stderr
    unknown = run(server, "revoke", "AKIANOBODY")
    assert unknown.exit_code == 1
    assert "there is no access key AKIANOBODY" in unknown.stderr


def test_the_first_key_is_in_the_file_that_clients_take_as_it_is(server: Server) -> None:
    file = server.data_dir / "credentials"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code = (
        "import boto3; "
        f"print(boto3.Session(profile_name='openpersonalize').client('personalize', endpoint_url={server.url!r})"
        ".create_dataset_group(name='first')['datasetGroupArn'])"
    )
    named = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_CONFIG_FILE": os.devnull}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | named
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "arn:aws:personalize:us-east-1:000000000000:dataset-group/first"


def command(server: Server, *words: str) -> str:
    done = run(server, *words)
    assert done.exit_code == 0, done.output
    return done.stdout


def run(server: Server, word: str, *more: str) -> Result:
    return CliRunner().invoke(cli, [word, *more, "--data-dir", str(server.data_dir)])
