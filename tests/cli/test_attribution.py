import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openpersonalize.cli import cli
from tests.world import ROLE, World

CLICKS = ("--metric", "clicks=Click:samplecount()")
NOVEMBER = ("--from", "2023-11-14", "--to", "2023-11-16")


def run(world: World, *arguments: str) -> tuple[int, str, str]:
    folder = str(world.parts.settings.data_dir)
    done = CliRunner().invoke(cli, ["attribution", "report", "films", "--data-dir", folder, *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def clicked(world: World) -> str:
    """Imported clicks, and two streamed ones that a campaign brought; gives the campaign's ARN."""
    group = world.with_clicks()
    arn = world.campaign(world.trained(group, "aws-popularity-count"))
    tracker = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    world.work()
    list_ = world.runtime.get_recommendations(campaignArn=arn, userId="u1")["recommendationId"]
    for place, more in enumerate(({"recommendationId": list_}, {"recommendationId": list_}, {})):
        event = {
            "eventType": "click",
            "itemId": "i1",
            "sentAt": 1_700_000_000 + place,
            "eventId": "ab"[place % 2],
            **more,
        }
        world.events.put_events(trackingId=tracker, sessionId="s", userId="u1", eventList=[event])
    return arn


def test_the_command_attributes_streamed_events_at_once(world: World, clicked: str) -> None:
    status, printed, _ = run(world, *CLICKS, *NOVEMBER, "--format", "json")
    made = json.loads(printed)
    assert status == 0
    assert {result["source"]: result["value"] for result in made["results"]} == {
        clicked: "2",
        "SOURCE_NAME_UNDEFINED": "600",
    }
    assert made["counts"]["duplicates"] == 1


def test_the_command_prints_a_table_or_csv_and_draws(world: World, clicked: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "worth.svg"
    status, printed, _ = run(world, *CLICKS, *NOVEMBER, "--picture", str(file))
    assert (status, "clicks: SAMPLECOUNT() of Click" in printed) == (0, True)
    assert file.read_text().startswith("<?xml")
    _, printed, _ = run(world, *CLICKS, *NOVEMBER, "--format", "csv")
    assert {row["SOURCE"] for row in csv.DictReader(io.StringIO(printed))} == {clicked, "SOURCE_NAME_UNDEFINED"}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--metric", "clicks="), 2, "NAME=EVENT_TYPE:EXPRESSION"),
        (("--metric", "clicks"), 1, "metric clicks is not one of the metric attribution of"),
        (("--metric", "x=buy:AVG(Items.PRICE)"), 2, "there is no function AVG"),
        ((*CLICKS, "--picture", "worth.gif"), 2, "must end in .png or .svg"),
        ((*CLICKS, "--randomised", "a"), 2, "ARN=SHARE"),
        ((*CLICKS, "--from", "2023-11-16", "--to", "2023-11-14"), 1, "must be after its start"),
        (("--metric", "x=buy:SUM(Items.PRICE)"), 1, "PRICE is not a column of the data"),
        ((*CLICKS, "--randomised", "A=0.5"), 1, "randomised: A served no list"),
    ],
)
def test_wrong_arguments_are_named(world: World, arguments: tuple[str, ...], status: int, words: str) -> None:
    world.with_clicks()
    ended, _, told = run(world, *arguments)
    assert ended == status
    assert words in " ".join(told.replace("│", " ").split())


def test_a_group_without_events_is_told_so(world: World) -> None:
    assert "Resource Arn" in run(world, *CLICKS)[2]
    world.group()
    assert "has no interactions" in run(world, *CLICKS)[2]


def attributed(world: World, clicked: str) -> str:
    """A metric attribution of clicks; gives its ARN."""
    assert clicked
    arn: str = world.personalize.create_metric_attribution(
        name="value",
        datasetGroupArn="arn:aws:personalize:us-east-1:000000000000:dataset-group/films",
        metrics=[{"eventType": "click", "metricName": "clicks", "expression": "SAMPLECOUNT()"}],
        metricsOutputConfig={"roleArn": ROLE},
    )["metricAttributionArn"]
    world.work()
    return arn


def test_without_metrics_the_report_has_those_of_the_attribution(world: World, clicked: str) -> None:
    status, _, told = run(world, *NOVEMBER)
    assert (status, "no metric attribution" in told) == (1, True)
    attributed(world, clicked)
    status, printed, _ = run(world, *NOVEMBER, "--format", "json")
    assert status == 0
    assert [metric["name"] for metric in json.loads(printed)["metrics"]] == ["clicks"]


def test_check_lists_the_windows_that_come_to_something_else_today(world: World, clicked: str) -> None:
    arn = attributed(world, clicked)
    tracker = world.personalize.list_event_trackers()["eventTrackers"][0]["eventTrackerArn"]
    tracking_id = world.personalize.describe_event_tracker(eventTrackerArn=tracker)["eventTracker"]["trackingId"]
    for kind in ("click", "watch"):
        event = {"eventType": kind, "itemId": "i1", "sentAt": datetime.now(UTC)}
        world.events.put_events(trackingId=tracking_id, sessionId="s", userId="u1", eventList=[event])
    folder = str(world.parts.settings.data_dir)
    yesterday, tomorrow = ((datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d") for days in (-1, 1))
    command = ["attribution", "check", "films", "--data-dir", folder, "--from", yesterday, "--to", tomorrow]
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, "0 windows differ" in done.stdout) == (0, True), done.output
    more = [{"eventType": "watch", "metricName": "watched", "expression": "SAMPLECOUNT()"}]
    world.personalize.update_metric_attribution(metricAttributionArn=arn, addMetrics=more)
    done = CliRunner().invoke(cli, command)
    assert "1 windows differ" in done.stdout
    assert "watched" in done.stdout
    done = CliRunner().invoke(cli, [*command, "--format", "json"])
    (row,) = json.loads(done.stdout)
    expected = {"source": "SOURCE_NAME_UNDEFINED", "metric": "watched", "published": None, "recomputed": "1"}
    assert {name: row[name] for name in expected} == expected
    done = CliRunner().invoke(cli, [*command, "--format", "csv"])
    (line,) = csv.DictReader(io.StringIO(done.stdout))
    assert (line["METRIC"], line["PUBLISHED"], line["RECOMPUTED"]) == ("watched", "", "1")


def test_check_needs_an_attribution_and_a_window_that_is_over(world: World, clicked: str) -> None:
    folder = str(world.parts.settings.data_dir)
    command = ["attribution", "check", "films", "--data-dir", folder]
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, "has no metric attribution" in done.stderr) == (1, True)
    attributed(world, clicked)
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, "no window of 15 minutes is over yet" in done.stderr) == (1, True)


def test_names_choose_among_the_metrics_of_the_attribution(world: World, clicked: str) -> None:
    attributed(world, clicked)
    asked = ("--metric", "CLICKS", "--metric", "taken=Click:samplecount()", *NOVEMBER, "--format", "json")
    made = json.loads(run(world, *asked)[1])
    assert [metric["name"] for metric in made["metrics"]] == ["clicks", "taken"]
    values = [
        {row["source"]: row["value"] for row in made["results"] if row["metric"] == name}
        for name in ("clicks", "taken")
    ]
    assert values[0] == values[1]
    status, _, told = run(world, "--metric", "sales", *NOVEMBER)
    assert (status, "metric sales is not one of" in told, "it has: clicks." in told) == (1, True, True)
