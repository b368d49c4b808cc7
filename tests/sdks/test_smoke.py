"""Clients other than today's boto3 do a small shop's whole work on a real server, each as an account of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openpersonalize.cli.credentials import cli
from tests.sdks import shop
from tests.sdks.client import COMMANDS, calling
from tests.server import Server, serving
from tests.world import write_clicks

ACCOUNTS = {"aws-cli": "111111111111", "botocore-2022": "222222222222", "javascript": "333333333333"}

pytestmark = pytest.mark.xdist_group("sdks")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sdks")
    bucket = folder / "s3" / "shop"
    bucket.mkdir(parents=True)
    write_clicks(bucket / "clicks.csv", users=40, items=20)
    with serving(folder) as started:
        yield started


@pytest.fixture
def credentials(server: Server, request: pytest.FixtureRequest) -> Path:
    """A credentials file with a key of the client's own account, under the client's name."""
    name = request.getfixturevalue("name")
    made = CliRunner().invoke(cli, ["create", "--data-dir", str(server.data_dir), "--account", ACCOUNTS[name]])
    assert made.exit_code == 0, made.output
    file = server.data_dir / f"{name}.credentials"
    file.write_text(made.stdout.replace(f"[openpersonalize-{ACCOUNTS[name]}]", f"[{name}]"))
    return file


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_client_does_a_small_shops_whole_work(name: str, server: Server, credentials: Path) -> None:
    with calling(name, server.url, credentials) as call:
        mine = shop.opened(call, "s3://shop/clicks.csv")
        assert f":{ACCOUNTS[name]}:" in mine.group
        attribution = shop.attributed(mine)
        tracker = shop.tracked(mine)
        solution, campaign = shop.live(mine)
        chosen = shop.filtered(mine, campaign)
        shop.counted(mine)
        shop.tagged(mine)
        code, message = shop.refused(mine.ask, "DescribeCampaign", campaignArn=campaign + "-2")
        assert (code, campaign + "-2" in message) == ("ResourceNotFoundException", True)
        assert [row["name"] for row in mine.ask("ListDatasetGroups")["datasetGroups"]] == ["shop"]
        shop.closed(
            mine,
            Campaign=campaign,
            Solution=solution,
            Filter=chosen,
            MetricAttribution=attribution,
            EventTracker=tracker,
        )
        assert mine.ask("ListDatasetGroups")["datasetGroups"] == []
