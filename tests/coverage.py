"""Which errors of which operations the tests meet, and the page that tells it.

Every boto3 client of a test run is listened to, and what it met is kept under `.cache/errors`. After a whole run

    python -m tests.coverage        writes docs/coverage.md from those notes, the service models and the registry
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from openpersonalize.resources import nouns
from openpersonalize.resources.registry import OPERATIONS
from openpersonalize.wire import models

assert nouns.__all__
ROOT = Path(__file__).parents[1]
NOTES = ROOT / ".cache" / "errors"
PAGE = ROOT / "docs" / "coverage.md"
RULES = ("min", "max", "pattern", "enum")


@pytest.fixture(scope="session", autouse=True)
def listened() -> Iterator[None]:
    """Note every answer that clients of this process get."""
    met: set[tuple[str, str]] = set()
    call = BaseClient._make_api_call

    def noting(self: Any, operation_name: str, members: Any) -> Any:
        try:
            answer = call(self, operation_name, members)
        except ClientError as fault:
            met.add((operation_name, fault.response["Error"]["Code"]))
            raise
        met.add((operation_name, "OK"))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noting)
        yield
    NOTES.mkdir(parents=True, exist_ok=True)
    (NOTES / f"{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}.json").write_text(json.dumps(sorted(met)))


def page(met: set[tuple[str, str]]) -> str:
    """The whole page; `met` are pairs of an operation and the code of an answer."""
    lines = [
        "# Coverage of the API",
        "",
        "Made by `python -m tests.coverage` after a run of all tests. *Rules* counts the constraints of an operation's",
        "input shape, all of them checked; what is checked beyond shapes stands beside each noun's code. *Errors* are",
        "those that the service model names for the operation, in italics where no test has met them yet.",
        "",
    ]
    for service, operations in _services().items():
        built = sum(operation.key in OPERATIONS for operation in operations)
        lines += [f"## {service} ({built} of {len(operations)})", ""]
        lines += ["| operation | implemented | rules | answered in tests | errors |", "|---|---|---|---|---|"]
        lines += [_line(operation, met) for operation in operations] + [""]
    return "\n".join(lines)


def _services() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, operation in sorted(models.load().operations.items()):
        found.setdefault(operation.service, []).append(operation)
        assert operation.name == name
    return found


def _line(operation: Any, met: set[tuple[str, str]]) -> str:
    errors = ", ".join(
        code.removesuffix("Exception") if (operation.name, code) in met else f"*{code.removesuffix('Exception')}*"
        for code in sorted(operation.errors)
    )
    built = "yes" if operation.key in OPERATIONS else "no"
    answered = "yes" if (operation.name, "OK") in met else "no"
    return f"| {operation.name} | {built} | {_rules(operation.input_shape)} | {answered} | {errors} |"


def _rules(shape: Any) -> int:
    """Constraints of a shape and everything below it."""
    if shape is None:
        return 0
    below: list[Any] = []
    if shape.type_name == "structure":
        below = list(shape.members.values())
    elif shape.type_name == "list":
        below = [shape.member]
    elif shape.type_name == "map":
        below = [shape.key, shape.value]
    own = sum(rule in shape.metadata for rule in RULES) + len(getattr(shape, "required_members", ()))
    return own + sum(map(_rules, below))


def main() -> None:
    """Write the page."""
    met = {(name, code) for file in sorted(NOTES.glob("*.json")) for name, code in json.loads(file.read_text())}
    PAGE.write_text(page(met))


if __name__ == "__main__":
    main()
