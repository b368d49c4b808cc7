"""Which errors of which operations the tests meet, and the page that tells it.

Every boto3 client of a test run is listened to, and what it met is kept under `.cache/errors`. After a whole run

    python -m tests.coverage        writes the table of docs/compatibility.md from those notes, the models and the code
"""

import ast
import inspect
import json
import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from openpersonalize.errors import ServiceError
from openpersonalize.resources import nouns
from openpersonalize.resources.registry import OPERATIONS
from openpersonalize.wire import models

assert nouns.__all__
ROOT = Path(__file__).parents[1]
NOTES = ROOT / ".cache" / "errors"
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- made by tests.coverage -->", "<!-- until here -->"
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


def table(met: set[tuple[str, str]]) -> str:
    """All operations; `met` are pairs of an operation and the code of an answer."""
    lines = [
        "Made by `python -m tests.coverage` after a run of all tests. *Of the shape*: constraints of the service",
        "model, all of them checked. *Beyond*: places in the code, reached from the operation, that find another fault",
        "with a call. *Errors* are those that the service model names, in italics where no test has met them:",
        "`tests/resources/test_documented_errors.py` says why these cannot be.",
        "",
    ]
    for service, operations in _services().items():
        built = sum(operation.key in OPERATIONS for operation in operations)
        lines += [f"### {service} ({built} of {len(operations)})", ""]
        lines += ["| operation | implemented | of the shape | beyond | answered in tests | errors |"]
        lines += ["|---|---|---|---|---|---|"]
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
    beyond = refusals(OPERATIONS[operation.key]) if operation.key in OPERATIONS else 0
    return f"| {operation.name} | {built} | {_rules(operation.input_shape)} | {beyond} | {answered} | {errors} |"


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


def refusals(operation: Callable[..., Any]) -> int:
    """Places that find a fault: errors raised, and texts of faults that are told together, from here on downwards."""
    seen, new, count = set[Any](), [inspect.unwrap(operation)], 0
    while new:
        function = new.pop()
        if function in seen:
            continue
        seen.add(function)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Raise):
                count += isinstance(node.exc, ast.Call) and _is_error(node.exc.func, function)
            elif isinstance(node, ast.Yield):
                count += isinstance(node.value, ast.JoinedStr)
            elif isinstance(node, ast.Call):
                told = isinstance(node.func, ast.Attribute) and node.func.attr == "append" and bool(node.args)
                count += told and isinstance(node.args[0], ast.JoinedStr)
                called = _resolved(node.func, function)
                if inspect.isfunction(called) and called.__module__.startswith("openpersonalize."):
                    new.append(inspect.unwrap(called))
    return count


def _is_error(called: ast.expr, function: Any) -> bool:
    """An error class of ours, or one made by a method of it."""
    found = _resolved(called.value if isinstance(called, ast.Attribute) else called, function)
    return inspect.isclass(found) and issubclass(found, ServiceError)


def _resolved(name: ast.expr, function: Any) -> Any:
    if isinstance(name, ast.Name):
        return function.__globals__.get(name.id)
    if isinstance(name, ast.Attribute):
        return getattr(_resolved(name.value, function), name.attr, None)
    return None


def main() -> None:
    """Write the table into its place on the page."""
    met = {(name, code) for file in sorted(NOTES.glob("*.json")) for name, code in json.loads(file.read_text())}
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(met)}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
