import pytest

from openpersonalize.errors import UnknownOperationException
from openpersonalize.wire import routes
from openpersonalize.wire.cbor import CBOR
from openpersonalize.wire.messages import Request
from openpersonalize.wire.protocols import JSON_1_0, JSON_1_1, REST_JSON
from openpersonalize.wire.query import QUERY

ROUTES = routes.load()
FORM = {"content-type": ["application/x-www-form-urlencoded; charset=utf-8"]}
GRANITE = "GraniteServiceVersion20100801"


def asked(method: str, path: str, target: str | None, **more: list[str]) -> Request:
    return Request(method, path, "", ({} if target is None else {"x-amz-target": [target]}) | more)


@pytest.mark.parametrize(
    ("path", "target", "protocol", "key"),
    [
        ("/", "AmazonPersonalize.CreateSchema", JSON_1_1, "create_schema"),
        ("/personalize-ranking", None, REST_JSON, "get_personalized_ranking"),
        ("/", f"{GRANITE}.ListMetrics", JSON_1_0, "cloudwatch.list_metrics"),
        (f"/service/{GRANITE}/operation/ListMetrics", None, CBOR, "cloudwatch.list_metrics"),
        ("/", "AmazonPersonalize.TagResource", JSON_1_1, "tag_resource"),
        ("/", f"{GRANITE}.TagResource", JSON_1_0, "cloudwatch.tag_resource"),
    ],
)
def test_target_or_path_tell_operation_and_protocol(path: str, target: str | None, protocol: object, key: str) -> None:
    found = ROUTES.head("POST", path, asked("POST", path, target).headers)
    assert found.operation is not None
    assert (found.protocol, found.operation.key) == (protocol, key)


def test_a_form_names_its_operation_in_the_body() -> None:
    assert ROUTES.head("POST", "/", FORM) == (QUERY, None)
    request = Request("POST", "/", "", FORM, b"Version=2010-08-01&Action=ListMetrics")
    assert ROUTES.body(request, QUERY).key == "cloudwatch.list_metrics"


@pytest.mark.parametrize(
    ("method", "path", "target", "protocol"),
    [
        ("POST", "/", "AmazonPersonalize.Nope", JSON_1_1),
        ("POST", "/", f"{GRANITE}.Nope", JSON_1_0),
        ("POST", "/", "", JSON_1_1),
        ("GET", "/", "AmazonPersonalize.CreateSchema", JSON_1_1),
        ("POST", "/", None, REST_JSON),
        ("GET", "/events", None, REST_JSON),
        ("POST", "/events/", None, REST_JSON),
        ("POST", "/nope", None, REST_JSON),
        ("GET", f"/service/{GRANITE}/operation/ListMetrics", None, CBOR),
        ("POST", f"/service/{GRANITE}/operation/Nope", None, CBOR),
    ],
)
def test_what_no_operation_answers_is_unknown(method: str, path: str, target: str | None, protocol: object) -> None:
    request = asked(method, path, target)
    assert ROUTES.head(method, path, request.headers) == (protocol, None)
    with pytest.raises(UnknownOperationException):
        ROUTES.body(request, ROUTES.head(method, path, request.headers).protocol)


@pytest.mark.parametrize("body", [b"", b"Action=Nope", b"Action"])
def test_a_form_without_a_known_action_is_unknown(body: bytes) -> None:
    with pytest.raises(UnknownOperationException):
        ROUTES.body(Request("POST", "/", "", FORM, body), QUERY)
