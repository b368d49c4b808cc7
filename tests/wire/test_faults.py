from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from openpersonalize import errors
from openpersonalize.wire import faults, models
from openpersonalize.wire.protocols import JSON_1_1, REST_JSON

MODEL = models.load()
CODES = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ServiceError) and kind is not errors.ServiceError
}


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def answered(fault: Exception, operation: str, *, rest: bool) -> tuple[int, dict[str, Any], dict[bytes, bytes]]:
    protocol = REST_JSON if rest else JSON_1_1
    reply = faults.reply(fault, operation=MODEL.operations[operation], protocol=protocol, request_id="r-1")
    return reply.status, orjson.loads(reply.body), dict(reply.headers)


def test_json_carries_the_code_in_the_body_and_rest_in_a_header() -> None:
    fault = errors.ResourceNotFoundException.arn("arn:x")
    text = "Resource Arn arn:x does not exist."
    json = answered(fault, "DescribeSchema", rest=False)
    assert json == (400, {"__type": "ResourceNotFoundException", "message": text}, {})
    rest = answered(fault, "GetRecommendations", rest=True)
    assert rest == (404, {"message": text}, {b"x-amzn-errortype": b"ResourceNotFoundException"})


@pytest.mark.parametrize("code", sorted(CODES))
def test_json_answers_400_for_whatever_the_caller_can_mend(code: str) -> None:
    special = {"RequestEntityTooLargeException": 413, "NotImplementedException": 501, "ServiceUnavailable": 503}
    assert answered(CODES[code]("no"), "DescribeSchema", rest=False)[0] == special.get(code, 400)


def test_rest_answers_with_the_statuses_of_the_model() -> None:
    for operation in MODEL.operations.values():
        for code in operation.errors if operation.rest else ():
            modelled = {"InvalidInputException": 400, "ResourceNotFoundException": 404, "ResourceInUseException": 409}
            assert answered(CODES[code]("no"), operation.name, rest=True)[0] == modelled[code]


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 429), ("InvalidSignatureException", 403), ("SerializationException", 400)],
)
def test_rest_answers_front_end_errors_with_the_statuses_of_http(code: str, status: int) -> None:
    assert answered(CODES[code]("no"), "PutEvents", rest=True)[0] == status


def test_our_own_mistake_is_logged_and_not_shown(lines: list[Any]) -> None:
    status, body, _ = answered(KeyError("secret detail"), "DescribeSchema", rest=False)
    assert (status, body["__type"]) == (500, "InternalFailure")
    assert "secret" not in str(body)
    assert "r-1" in body["message"]
    assert [(line["log_level"], line["request_id"], repr(line["exc_info"])) for line in lines] == [
        ("error", "r-1", "KeyError('secret detail')")
    ]


def test_an_error_that_the_model_does_not_name_is_answered_with_a_warning(lines: list[Any]) -> None:
    answered(errors.ResourceNotFoundException("no"), "PutEvents", rest=True)
    answered(errors.InvalidInputException("no"), "ListSchemas", rest=False)
    answered(errors.ThrottlingException("no"), "ListSchemas", rest=False)
    warned = [(line["log_level"], line["operation"], line["code"]) for line in lines]
    assert warned == [("warning", "PutEvents", "ResourceNotFoundException")]


def test_every_error_class_is_common_or_modelled_somewhere() -> None:
    personalize, cloudwatch = (
        frozenset[str]().union(*(operation.errors for operation in model.operations.values()))
        for model in (MODEL, models.load_cloudwatch())
    )
    assert faults.COMMON | personalize <= set(CODES) <= faults.COMMON | personalize | cloudwatch
