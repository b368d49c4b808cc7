from pathlib import Path
from typing import Any

import orjson
import pytest
from botocore import xform_name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openpersonalize.errors import UnknownOperationException
from openpersonalize.wire import models
from openpersonalize.wire.write import compile_writer
from tests.wire.shapes import valid

MODEL = models.load()


def test_there_are_79_operations_each_with_one_route_and_one_key() -> None:
    routed = [*MODEL.targets.values(), *MODEL.paths.values()]
    assert len(MODEL.operations) == len(routed) == 79
    assert len({operation.key for operation in routed}) == 79
    assert sum(operation.service == "personalize" for operation in routed) == 71


def test_a_target_names_an_operation_of_the_control_plane_and_a_path_one_of_the_others() -> None:
    assert MODEL.route("POST", "/", "AmazonPersonalize.CreateSchema").key == "create_schema"
    assert MODEL.route("POST", "/personalize-ranking", None).key == "get_personalized_ranking"


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/", "AmazonPersonalize.Nope"),
        ("POST", "/", "GraniteServiceVersion20100801.GetMetricData"),
        ("POST", "/", ""),
        ("GET", "/", "AmazonPersonalize.CreateSchema"),
        ("POST", "/", None),
        ("GET", "/events", None),
        ("POST", "/events/", None),
        ("POST", "/nope", None),
    ],
)
def test_what_no_operation_answers_is_unknown(method: str, path: str, target: str | None) -> None:
    with pytest.raises(UnknownOperationException):
        MODEL.route(method, path, target)


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
