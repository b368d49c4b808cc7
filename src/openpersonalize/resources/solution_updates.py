"""UpdateSolution: automatic training on or off, its rate, and the weights of events; all else of a solution is fixed.

Versions that are trained already, or are in training, are not touched by it.
Source: https://docs.aws.amazon.com/personalize/latest/dg/updating-solution.html
"""

from typing import Any

from openpersonalize.errors import InvalidInputException, ResourceInUseException
from openpersonalize.jobs import Schedules, Task
from openpersonalize.resources import lifecycle, updates
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import given
from openpersonalize.resources.solution_rules import faults_of_update
from openpersonalize.resources.solutions import Solution, schemas_of, train_regularly
from openpersonalize.storage.metadata import Transaction


@operation
def update_solution(
    ctx: Context,
    *,
    solution_arn: str,
    perform_auto_training: bool | None = None,
    perform_incremental_update: bool | None = None,
    solution_update_config: dict[str, Any] | None = None,
) -> Answer:
    """Change how a solution goes on; the block `latestSolutionUpdate` tells how far the change is."""
    wanted = {
        "performAutoTraining": perform_auto_training,
        "performIncrementalUpdate": perform_incremental_update,
        "solutionUpdateConfig": solution_update_config,
    }
    asked = {name: value for name, value in wanted.items() if value is not None}
    if not asked:
        raise InvalidInputException(f"Nothing to update: give at least one of {', '.join(wanted)}.")
    with ctx.writing() as tx:
        solution = given(ctx, tx, Solution, solution_arn)
        lifecycle.require_active(solution)
        if updates.is_open(solution.latest_solution_update):
            raise ResourceInUseException(f"The solution {solution.arn} is being updated already.")
        _check(ctx, tx, solution, asked)
        tx.replace(solution.but(ctx.now(), latest_solution_update=updates.asked(ctx, asked)))
        ctx.queue.enqueue(tx.connection, "solution.update", solution.arn)
    return {"solutionArn": solution.arn}


def _check(ctx: Context, tx: Transaction, solution: Solution, asked: updates.Update) -> None:
    changed = _changed(ctx, solution, asked)
    found = faults_of_update(
        solution.recipe,
        schemas_of(ctx, tx, solution.dataset_group_arn),
        perform_auto_training=changed.perform_auto_training,
        perform_incremental_update=changed.perform_incremental_update,
        event_type=solution.event_type,
        config=changed.solution_config or {},
        changes=asked.get("solutionUpdateConfig") or {},
    )
    if found:
        raise InvalidInputException(
            " ".join(text.replace("solutionConfig.", "solutionUpdateConfig.") for text in found)
        )


def _changed(ctx: Context, solution: Solution, asked: updates.Update) -> Solution:
    """The solution as it shall be; what is not named stays."""
    config = {**(solution.solution_config or {}), **(asked.get("solutionUpdateConfig") or {})}
    return solution.but(
        ctx.now(),
        perform_auto_training=asked.get("performAutoTraining", solution.perform_auto_training),
        perform_incremental_update=asked.get("performIncrementalUpdate", solution.perform_incremental_update),
        solution_config=config or None,
    )


def _failed(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
    solution = tx.get(Solution, subject)
    moved = updates.moved(ctx, solution.latest_solution_update, lifecycle.CREATE_FAILED, reason=reason)
    tx.replace(solution.but(ctx.now(), latest_solution_update=moved))


@job("solution.update", failed=_failed, inline=True)
def update(ctx: Context, task: Task) -> None:
    """Bring the change into force and begin the rhythm of automatic training anew, if that was touched."""
    with task.transaction() as tx:
        solution = tx.get(Solution, task.subject)
        moved = updates.moved(ctx, solution.latest_solution_update, lifecycle.CREATE_IN_PROGRESS)
        tx.replace(solution.but(ctx.now(), latest_solution_update=moved))
    with task.publish() as tx:
        solution = tx.get(Solution, task.subject)
        asked = solution.latest_solution_update or {}
        done = updates.moved(ctx, asked, lifecycle.ACTIVE)
        changed = _changed(ctx, solution, asked).but(ctx.now(), latest_solution_update=done)
        tx.replace(changed)
        if _rhythm(changed) != _rhythm(solution):
            Schedules(ctx.queue).cancel(tx.connection, name=f"train {solution.arn}")
            train_regularly(ctx, tx, changed, since=ctx.now())


def _rhythm(solution: Solution) -> tuple[Any, ...]:
    """What begins the clock of automatic training anew when it changes."""
    config = solution.solution_config or {}
    return solution.perform_auto_training, config.get("autoTrainingConfig"), config.get("eventsConfig")
