from pathlib import Path
from typing import Any

import orjson
import pytest
from botocore import xform_name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openpersonalize.wire import models
from openpersonalize.wire.write import compile_writer
from tests.wire.shapes import valid

MODEL = models.load()


def test_there_are_79_operations_each_with_one_route_and_one_key() -> None:
    routed = [*MODEL.targets.values(), *MODEL.paths.values()]
    assert len(MODEL.operations) == len(routed) == 79
    assert len({operation.key for operation in routed}) == 79
    assert sum(operation.service == "personalize" for operation in routed) == 71


def test_models_in_a_home_directory_do_not_change_the_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "personalize" / "2099-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {"protocol": "json"}, "operations": {}, "shapes": {}}')
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert len(models.load.__wrapped__().operations) == 79


@pytest.mark.parametrize("name", sorted(MODEL.operations))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_request_that_keeps_the_rules_is_read_and_written_without_loss(name: str, data: st.DataObject) -> None:
    operation = MODEL.operations[name]
    sent: dict[str, Any] = data.draw(valid(operation.input_shape))
    arguments = operation.parse(orjson.loads(orjson.dumps(sent)))
    assert arguments == {xform_name(member): value for member, value in sent.items()}
    names = {xform_name(member): member for member in operation.input_shape.members}
    again = compile_writer(operation.input_shape)({names[key]: value for key, value in arguments.items()})
    assert orjson.loads(orjson.dumps(again)) == orjson.loads(orjson.dumps(sent))
