"""The demo's story, step by step: what a team does in its first hour with Personalize."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from openpersonalize.cli.demo import films
from openpersonalize.cli.demo.films import Films
from openpersonalize.cli.demo.server import Clients

ROLE = "arn:aws:iam::000000000000:role/films"
RECIPES = {
    "for-you": "aws-user-personalization-v2",
    "popular": "aws-popularity-count",
    "ranking": "aws-personalized-ranking-v2",
}
KNOWN_USER = "15"
NEW_USER = "somebody-new"
NEW_USER_LIKES = ("Spirited Away", "Princess Mononoke", "My Neighbor Totoro", "Akira", "Ghost in the Shell")
TO_RANK = ("Toy Story", "Pulp Fiction", "Titanic", "Alien", "Amelie", "Godfather, The", "Shrek", "Blade Runner")
POLL_SECONDS = 0.25
HEADER = "x-openpersonalize-progress"


def tell(console: Console, clients: Clients, catalogue: Films) -> None:
    """Everything from two CSV files to personal recommendations."""
    films.write(catalogue, clients.bucket)
    group = _group(clients)
    with _bars(console) as bars:
        _import(clients, bars, group)
        versions = _train(clients, bars, group)
    _metrics(console, clients, versions)
    campaigns = _campaigns(clients, versions)
    tracker = clients.personalize.create_event_tracker(name="films", datasetGroupArn=group)["trackingId"]
    _known_user(console, clients, catalogue, campaigns)
    _new_user(console, clients, catalogue, campaigns, tracker)
    _ranking(console, clients, catalogue, campaigns)


def _group(clients: Clients) -> str:
    arn: str = clients.personalize.create_dataset_group(name="films")["datasetGroupArn"]
    _until_active(clients.personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=arn)
    return arn


def _import(clients: Clients, bars: Progress, group: str) -> None:
    for kind, schema in (("Interactions", films.INTERACTIONS), ("Items", films.ITEMS)):
        api, name = clients.personalize, kind.lower()
        schema_arn = api.create_schema(name=f"films-{name}", schema=json.dumps(schema))["schemaArn"]
        dataset = api.create_dataset(name=name, schemaArn=schema_arn, datasetGroupArn=group, datasetType=kind)
        arn = dataset["datasetArn"]
        _until_active(api.describe_dataset, "dataset", datasetArn=arn)
        job = api.create_dataset_import_job(
            jobName=f"films-{name}",
            datasetArn=arn,
            dataSource={"dataLocation": f"s3://films/{name}.csv"},
            roleArn=ROLE,
        )["datasetImportJobArn"]
        _watch(bars, f"import {name}", "datasetImportJob", api.describe_dataset_import_job, datasetImportJobArn=job)


def _train(clients: Clients, bars: Progress, group: str) -> dict[str, str]:
    versions = {}
    for name, recipe in RECIPES.items():
        solution = clients.personalize.create_solution(
            name=name,
            datasetGroupArn=group,
            recipeArn=f"arn:aws:personalize:::recipe/{recipe}",
            performAutoTraining=False,
        )["solutionArn"]
        version = clients.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        describe = clients.personalize.describe_solution_version
        _watch(bars, f"train {recipe}", "solutionVersion", describe, solutionVersionArn=version)
        versions[name] = version
    return versions


def _metrics(console: Console, clients: Clients, versions: Mapping[str, str]) -> None:
    shown = {
        name: clients.personalize.get_solution_metrics(solutionVersionArn=versions[name])["metrics"]
        for name in ("for-you", "popular")
    }
    table = Table(
        "",
        *shown,
        title="Offline metrics: the newest tenth of 10 % of the users, held back",
    )
    for metric in sorted(shown["for-you"]):
        table.add_row(metric, *(f"{shown[name][metric]:.4f}" for name in shown))
    console.print(table)


def _campaigns(clients: Clients, versions: Mapping[str, str]) -> dict[str, str]:
    campaigns = {
        name: clients.personalize.create_campaign(name=name, solutionVersionArn=version)["campaignArn"]
        for name, version in versions.items()
    }
    for arn in campaigns.values():
        _until_active(clients.personalize.describe_campaign, "campaign", campaignArn=arn)
    return campaigns


def _known_user(console: Console, clients: Clients, catalogue: Films, campaigns: Mapping[str, str]) -> None:
    seen = [rating.item_id for rating in catalogue.watched(KNOWN_USER)[:8]]
    top = _recommended(clients, campaigns["for-you"], KNOWN_USER)
    _side_by_side(console, catalogue, {f"user {KNOWN_USER} rated last": seen, "recommended": top})


def _new_user(
    console: Console, clients: Clients, catalogue: Films, campaigns: Mapping[str, str], tracking_id: str
) -> None:
    before = _recommended(clients, campaigns["for-you"], NEW_USER)
    likes = [catalogue.find(title) for title in NEW_USER_LIKES]
    now = int(time.time())
    for place, item_id in enumerate(likes):
        event = {"eventType": "rate", "itemId": item_id, "sentAt": now + place}
        clients.events.put_events(trackingId=tracking_id, userId=NEW_USER, sessionId="demo", eventList=[event])
    after = _recommended(clients, campaigns["for-you"], NEW_USER)
    columns = {"a new user sees": before, "likes, sent as events": likes, "and sees at once": after}
    _side_by_side(console, catalogue, columns)


def _ranking(console: Console, clients: Clients, catalogue: Films, campaigns: Mapping[str, str]) -> None:
    asked = [catalogue.find(title) for title in TO_RANK]
    columns = {"to be ranked": asked}
    for user_id in (KNOWN_USER, NEW_USER):
        answer = clients.runtime.get_personalized_ranking(
            campaignArn=campaigns["ranking"], userId=user_id, inputList=asked
        )
        columns[f"for {user_id}"] = [row["itemId"] for row in answer["personalizedRanking"]]
    _side_by_side(console, catalogue, columns)


def _recommended(clients: Clients, campaign: str, user_id: str) -> list[str]:
    answer = clients.runtime.get_recommendations(campaignArn=campaign, userId=user_id, numResults=8)
    return [row["itemId"] for row in answer["itemList"]]


def _side_by_side(console: Console, catalogue: Films, columns: Mapping[str, Sequence[str]]) -> None:
    table = Table(*columns)
    longest = max(len(items) for items in columns.values())
    for place in range(longest):
        table.add_row(*(catalogue.label(items[place]) if place < len(items) else "" for items in columns.values()))
    console.print(table)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<36}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
        console=console,
    )


def _watch(bars: Progress, title: str, member: str, describe: Callable[..., Any], **arn: str) -> None:
    """Follow a job by its Describe call; the server tells how far it is in a header."""
    bar = bars.add_task(title, total=1.0, words="")
    while True:
        answer = describe(**arn)
        share, _, words = answer["ResponseMetadata"]["HTTPHeaders"].get(HEADER, "0 ").partition(" ")
        bars.update(bar, completed=float(share), words=words)
        if _settled(answer[member]):
            bars.update(bar, completed=1.0, words="")
            return
        time.sleep(POLL_SECONDS)


def _until_active(describe: Callable[..., Any], member: str, **arn: str) -> None:
    while not _settled(describe(**arn)[member]):
        time.sleep(POLL_SECONDS)


def _settled(resource: Mapping[str, Any]) -> bool:
    if resource["status"].endswith("FAILED"):
        raise RuntimeError(resource.get("failureReason", resource["status"]))
    return bool(resource["status"] == "ACTIVE")
