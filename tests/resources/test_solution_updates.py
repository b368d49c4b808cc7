"""UpdateSolution: what may change later, and the rhythm of automatic training."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openpersonalize.jobs import Schedules
from tests.answers import told
from tests.world import World, refused

V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
WEIGHTS = {"eventParametersList": [{"eventType": "click", "weight": 0.5}]}


def made(world: World, **more: Any) -> str:
    arn: str = world.personalize.create_solution(
        name="model", datasetGroupArn=world.with_clicks(), recipeArn=V2, **more
    )["solutionArn"]
    world.work()
    return arn


def next_training(world: World) -> float | None:
    """When automatic training is due; datasets' schedules are further away in these tests."""
    with world.parts.context.metadata.reading() as tx:
        found = Schedules(world.parts.context.queue).next_run(tx.connection)
    return None if found is None else found - world.parts.context.now().timestamp()


def test_an_update_is_told_at_once_and_in_force_when_it_is_active(
    world: World, snapshot: Callable[[str, str], None]
) -> None:
    solution = made(world, performAutoTraining=False, solutionConfig={"eventsConfig": {"eventParametersList": []}})
    config = {"autoTrainingConfig": {"schedulingExpression": "rate(2 days)"}, "eventsConfig": WEIGHTS}
    world.personalize.update_solution(solutionArn=solution, performAutoTraining=True, solutionUpdateConfig=config)
    pending = world.personalize.describe_solution(solutionArn=solution)["solution"]
    assert (pending["status"], pending["latestSolutionUpdate"]["status"]) == ("ACTIVE", "CREATE PENDING")
    assert pending["performAutoTraining"] is False
    again = refused(world.personalize.update_solution, solutionArn=solution, performAutoTraining=True)
    assert again == ("ResourceInUseException", f"The solution {solution} is being updated already.")
    assert refused(world.personalize.delete_solution, solutionArn=solution)[0] == "ResourceInUseException"
    world.work()
    snapshot("describe-solution-updated.json", told(world.personalize, "describe_solution", solutionArn=solution))


def test_automatic_training_turns_off_and_on_with_it(world: World) -> None:
    solution = made(world, performAutoTraining=True)
    update, delay = world.personalize.update_solution, world.parts.settings.auto_training_delay_seconds
    assert (next_training(world) or 0) <= delay
    update(solutionArn=solution, performAutoTraining=False)
    world.work()
    assert (next_training(world) or 0) > delay
    update(solutionArn=solution, performAutoTraining=True)
    world.work()
    assert (next_training(world) or 0) <= delay


def test_other_event_weights_are_learned_within_the_hour_without_new_data(world: World) -> None:
    group = world.group()
    world.dataset(group)  # without rows, so that trainings end soon
    solution = world.personalize.create_solution(name="model", datasetGroupArn=group, recipeArn=V2)["solutionArn"]

    def trainings(**later: float) -> int:
        world.worker.drain(until=datetime.now(UTC) + timedelta(**later))
        rows = world.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
        assert {row["trainingType"] for row in rows} == {"AUTOMATIC"}
        return len(rows)

    assert trainings(hours=1) == 1
    world.personalize.update_solution(solutionArn=solution, solutionUpdateConfig={"eventsConfig": WEIGHTS})
    assert trainings(hours=1) == 2
    assert trainings(days=8) == 2


@pytest.mark.parametrize(
    ("members", "told_rule"),
    [
        ({}, "Nothing to update: give at least one of performAutoTraining, performIncrementalUpdate"),
        ({"performIncrementalUpdate": True}, "performIncrementalUpdate is not supported"),
        (
            {"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(2 days)"}}},
            "solutionUpdateConfig.autoTrainingConfig needs performAutoTraining to be true",
        ),
        (
            {
                "performAutoTraining": True,
                "solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}},
            },
            "'rate(31 days)' must be rate(<1 to 30> days)",
        ),
    ],
)
def test_what_cannot_change_is_refused(world: World, members: dict[str, Any], told_rule: str) -> None:
    solution = made(world, performAutoTraining=False)
    code, message = refused(world.personalize.update_solution, solutionArn=solution, **members)
    assert (code, told_rule in message) == ("InvalidInputException", True), message
    assert "latestSolutionUpdate" not in world.personalize.describe_solution(solutionArn=solution)["solution"]


def test_a_missing_solution_and_one_that_is_not_active_are_refused(world: World) -> None:
    arn = "arn:aws:personalize:us-east-1:000000000000:solution/none"
    told_missing = refused(world.personalize.update_solution, solutionArn=arn, performAutoTraining=False)
    assert told_missing == ("ResourceNotFoundException", f"The given solution does not exist: {arn}")
    solution = made(world)
    world.personalize.delete_solution(solutionArn=solution)
    code, _ = refused(world.personalize.update_solution, solutionArn=solution, performAutoTraining=False)
    assert code == "ResourceInUseException"
