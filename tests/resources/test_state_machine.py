"""State machines of all nouns, explored in any order: see `machine` for what must hold.

STATE_MACHINE_EXAMPLES=2000 STATE_MACHINE_BY_CHANCE=1 pytest -n 0 tests/resources/test_state_machine.py

goes further than the run of every day, each time on other ways.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from openpersonalize.resources.solutions import artefacts_of
from tests.resources.machine import Machine
from tests.world import SMALL, World, opened

EXAMPLES, STEPS = int(os.environ.get("STATE_MACHINE_EXAMPLES", "15")), 40
CHANCE = "STATE_MACHINE_BY_CHANCE" in os.environ


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("machine") / "data"
    for world in opened(folder, {**SMALL, "job_attempts": 1}):
        (world.bucket() / "users.csv").write_text("USER_ID\nu1\n")
        yield world


def test_any_order_of_calls_leaves_a_whole_world(service: World) -> None:
    trained, ctx = service.trained(service.with_clicks(), "aws-sims"), service.parts.context
    Machine.world, Machine.model = service, ctx.artefacts.local_folder(artefacts_of(trained), Path())
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not CHANCE,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
