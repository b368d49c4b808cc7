import json
import re
from datetime import UTC, datetime, timedelta

from openpersonalize.resources.solutions import artefacts_of
from tests.world import World, refused, write_clicks, write_csv

RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
KEYS = [
    "coverage",
    "mean_reciprocal_rank_at_25",
    *(f"{metric}_at_{k}" for metric in ("normalized_discounted_cumulative_gain", "precision") for k in (10, 25, 5)),
]


def test_a_version_is_trained_and_its_metrics_told(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    assert re.fullmatch(r"arn:aws:personalize:us-east-1:000000000000:solution/model/[0-9a-f]{8}", version)
    described = world.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert described["name"] == version.split("solution/")[1]
    assert (described["trainingMode"], described["trainingType"]) == ("FULL", "MANUAL")
    assert described["trainingHours"] >= 0
    assert described["solutionConfig"] == {}
    metrics = world.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert sorted(metrics) == sorted(KEYS)
    assert all(0 <= value <= 1 for value in metrics.values())
    newest = world.personalize.describe_solution(solutionArn=version.rsplit("/", 1)[0])["solution"]
    assert newest["latestSolutionVersion"]["solutionVersionArn"] == version
    assert newest["latestSolutionVersion"]["status"] == "ACTIVE"


def test_a_version_may_be_asked_for_in_the_same_second_as_its_solution(world: World) -> None:
    group = world.with_clicks()
    solution = world.personalize.create_solution(name="m", datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    version = world.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    status = world.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]["status"]
    assert status == "CREATE PENDING"
    code, _ = refused(world.personalize.get_solution_metrics, solutionVersionArn=version)
    assert code == "ResourceInUseException"


def test_too_little_data_fails_with_amazons_words(world: World) -> None:
    group = world.group()
    dataset = world.dataset(group)
    rows = [["u1", f"i{number}", "click", number] for number in range(120)]
    write_csv(world.bucket() / "one.csv", ["USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP"], rows)
    world.load(dataset, "s3://films/one.csv")

    def reason(name: str, **more: str) -> str:
        solution = world.personalize.create_solution(name=name, datasetGroupArn=group, recipeArn=RECIPE, **more)
        version = world.personalize.create_solution_version(solutionArn=solution["solutionArn"])["solutionVersionArn"]
        world.work()
        described = world.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
        assert described["status"] == "CREATE FAILED"
        assert refused(world.personalize.get_solution_metrics, solutionVersionArn=version)[0] == "InvalidInputException"
        text: str = described["failureReason"]
        return text

    assert reason("all") == "Create failed. Dataset has fewer than 5 users with at least 2 interactions each."
    assert reason("buys", eventType="buy") == (
        "Dataset has fewer than 100 interactions after filtering by event type: buy"
    )


def test_a_waiting_version_is_stopped_at_once_and_stays_listed(world: World) -> None:
    group = world.with_clicks()
    solution = world.personalize.create_solution(name="m", datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    version = world.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    world.personalize.stop_solution_version_creation(solutionVersionArn=version)
    world.work()
    [row] = world.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert (row["solutionVersionArn"], row["status"]) == (version, "CREATE STOPPED")
    stop = world.personalize.stop_solution_version_creation
    assert refused(stop, solutionVersionArn=version)[0] == "InvalidInputException"


def test_two_trainings_of_the_same_data_give_the_same_model(world: World) -> None:
    group = world.with_clicks()
    first = world.trained(group, "aws-user-personalization-v2", "one")
    second = world.trained(group, "aws-user-personalization-v2", "two")
    answers = []
    for name, version in (("one", first), ("two", second)):
        campaign = world.campaign(version, name)
        answers.append(world.runtime.get_recommendations(campaignArn=campaign, userId="u3")["itemList"])
    assert answers[0] == answers[1]


def test_versions_are_listed_newest_first_and_by_solution(world: World) -> None:
    group = world.with_clicks()
    older = world.trained(group, "aws-popularity-count", "one")
    newer = world.trained(group, "aws-popularity-count", "two")
    listed = world.personalize.list_solution_versions()["solutionVersions"]
    assert [row["solutionVersionArn"] for row in listed] == [newer, older]
    [row] = world.personalize.list_solution_versions(solutionArn=older.rsplit("/", 1)[0])["solutionVersions"]
    assert row["solutionVersionArn"] == older
    unknown = older.rsplit("/", 2)[0] + "/none"
    assert refused(world.personalize.list_solution_versions, solutionArn=unknown)[0] == "ResourceNotFoundException"


def test_a_solution_trains_itself_within_the_hour_and_again_only_with_new_data(world: World) -> None:
    group = world.with_clicks()
    solution = world.personalize.create_solution(name="m", datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    assert trainings(world, solution, timedelta(minutes=50)) == []
    assert trainings(world, solution, timedelta(hours=1)) == ["AUTOMATIC"]
    assert trainings(world, solution, timedelta(days=8)) == ["AUTOMATIC"]
    more_clicks(world, group)
    assert trainings(world, solution, timedelta(days=15)) == ["AUTOMATIC", "AUTOMATIC"]


def trainings(world: World, solution: str, later: timedelta) -> list[str]:
    """The types of a solution's trainings, newest first, when so much time has passed."""
    world.worker.drain(until=datetime.now(UTC) + later)
    rows = world.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    return [row["trainingType"] for row in rows]


def more_clicks(world: World, group: str) -> None:
    """New interactions, imported."""
    write_clicks(world.bucket() / "new.csv", start=1_800_000_000)
    world.load(f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS", "s3://films/new.csv", "new")


def test_a_version_made_by_hand_takes_the_place_of_the_first_automatic_training(world: World) -> None:
    group = world.with_clicks()
    solution = world.personalize.create_solution(name="m", datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    world.personalize.create_solution_version(solutionArn=solution)
    world.work()
    more_clicks(world, group)
    assert trainings(world, solution, timedelta(hours=1)) == ["MANUAL"]
    assert trainings(world, solution, timedelta(days=8)) == ["AUTOMATIC", "MANUAL"]


def test_a_solution_that_shall_not_does_not_train_itself(world: World) -> None:
    world.personalize.create_solution(
        name="m", datasetGroupArn=world.with_clicks(), recipeArn=RECIPE, performAutoTraining=False
    )
    world.worker.drain(until=datetime.now(UTC) + timedelta(days=8))
    assert world.personalize.list_solution_versions()["solutionVersions"] == []


def test_a_ranking_takes_over_what_a_personalization_has_learned_from_the_same_data(world: World) -> None:
    group = world.with_clicks()
    learned = world.trained(group, "aws-user-personalization-v2", "one")
    taken = world.trained(group, "aws-personalized-ranking-v2", "two")
    metrics = [world.personalize.get_solution_metrics(solutionVersionArn=arn)["metrics"] for arn in (learned, taken)]
    assert metrics[0] == metrics[1]
    artefacts = world.parts.context.artefacts
    manifest = json.loads(artefacts.read(artefacts_of(taken).within("manifest.json")))
    assert (manifest["recipe"], manifest["taken_over_from"]) == (
        "aws-personalized-ranking-v2",
        "aws-user-personalization-v2",
    )
    more_clicks(world, group)
    anew = world.trained(group, "aws-personalized-ranking-v2", "three")
    assert "taken_over_from" not in json.loads(artefacts.read(artefacts_of(anew).within("manifest.json")))
