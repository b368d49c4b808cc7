"""Which errors of which operations the tests meet, and the page that tells it.

Every boto3 client of a test run is listened to, and what it met is kept under `.cache/errors`.

    python -m tests.coverage        writes the table of docs/compatibility.md from those notes, the models and the code

What the page has told as met stays told, so that a run of some of the tests is enough; the tests of documented errors
hold it to what is met.
"""

import ast
import inspect
import json
import os
import re
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
LINE = re.compile(r"^\| (\w+) \| (?:yes|no) \| .* \| (yes|no) \| (.*) \|$", re.MULTILINE)
"""Of an operation's line in the table: its name, whether tests have seen it answer, and its errors."""

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
        "Made by `python -m tests.coverage` after a run of tests. *Of the shape*: constraints of the service model,",
        "all of them checked. *Beyond*: places in the code, reached from the operation, that find another fault with a",
        "call; what stores find is not counted. *Errors* are those that the service model names, in italics where no",
        "test has met them: `tests/resources/test_documented_errors.py` says why these cannot be.",
        "",
    ]
    for service, operations in _services().items():
        built = sum(operation.key in OPERATIONS for operation in operations)
        lines += [f"### {service} ({built} of {len(operations)})", ""]
        lines += ["| operation | implemented | of the shape | beyond | answered in tests | errors |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_line(operation, met) for operation in operations] + [""]
    return "\n".join(lines)


def told(page: str) -> set[tuple[str, str]]:
    """The pairs that the page tells as met."""
    met = set()
    for name, answered, errors in re.findall(LINE, page.partition(BEGIN)[2].partition(END)[0]):
        met |= {(name, f"{error}Exception") for error in errors.split(", ") if not error.startswith("*")}
        met |= {(name, "OK")} if answered == "yes" else set()
    return met


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
    """Places that find a fault: errors raised, and texts of faults that are told together, from here on downwards.

    Functions and class methods are followed by their names; what is called through objects (stores) is not.
    """
    seen, new, count = set[Any](), [inspect.unwrap(operation)], 0
    while new:
        function = new.pop()
        if function in seen:
            continue
        seen.add(function)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            count += _finds_a_fault(node, function)
            if isinstance(node, ast.Call):
                called = _resolved(node.func, function)
                called = getattr(called, "__func__", called)
                if inspect.isfunction(called) and called.__module__.startswith("openpersonalize."):
                    new.append(inspect.unwrap(called))
    return count


def _finds_a_fault(node: ast.AST, function: Any) -> bool:
    if isinstance(node, ast.Raise):
        return isinstance(node.exc, ast.Call) and _makes_an_error(node.exc.func, function)
    if isinstance(node, ast.Yield):
        return _is_sentence(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        return any(map(_is_sentence, node.args))
    return False


def _is_sentence(node: ast.expr | None) -> bool:
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    return constant or isinstance(node, ast.JoinedStr)


def _makes_an_error(called: ast.expr, function: Any) -> bool:
    """An error class of ours, one made by a method of it, or by a function that says so."""
    found = _resolved(called.value if isinstance(called, ast.Attribute) else called, function)
    found = found.__annotations__.get("return") if inspect.isfunction(found) else found
    return inspect.isclass(found) and issubclass(found, ServiceError)


def _resolved(name: ast.expr, function: Any) -> Any:
    if isinstance(name, ast.Name):
        return function.__globals__.get(name.id)
    if isinstance(name, ast.Attribute):
        return getattr(_resolved(name.value, function), name.attr, None)
    return None


def renewed(page: str, met: set[tuple[str, str]]) -> str:
    """The page with a table of these pairs in its place."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(met)}{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write the table into its place on the page."""
    page = PAGE.read_text()
    noted = {(name, code) for file in sorted(NOTES.glob("*.json")) for name, code in json.loads(file.read_text())}
    PAGE.write_text(renewed(page, noted | told(page)))


if __name__ == "__main__":
    main()
