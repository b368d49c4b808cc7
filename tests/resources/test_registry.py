"""The service model is the specification: what operations take, and what the rest answers."""

from inspect import signature

import pytest
from botocore import xform_name

from openpersonalize.resources import nouns
from openpersonalize.resources.registry import OPERATIONS
from openpersonalize.wire import models

assert nouns.__all__
MODEL = models.load()
BY_KEY = {
    operation.key: operation for model in (MODEL, models.load_cloudwatch()) for operation in model.operations.values()
}
MISSING = sorted(name for name, operation in MODEL.operations.items() if operation.key not in OPERATIONS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_function_takes_exactly_what_its_shape_says(name: str) -> None:
    shape = BY_KEY[name].input_shape
    taken = dict(list(signature(OPERATIONS[name]).parameters.items())[1:])
    assert set(taken) == {xform_name(member) for member in shape.members}
    required = {parameter for parameter, kind in taken.items() if kind.default is kind.empty}
    assert required == {xform_name(member) for member in shape.required_members}


def test_every_operation_of_the_service_is_there() -> None:
    assert MISSING == []


def test_the_page_of_compatibility_lists_what_is_missing() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
    assert [name for name in MISSING if f"`{name}`" not in page] == []
    assert [
        operation.name for key, operation in BY_KEY.items() if key in OPERATIONS and f"- `{operation.name}`" in page
    ] == []
