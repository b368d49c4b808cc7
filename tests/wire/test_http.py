import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from openpersonalize.clock import StillClock
from openpersonalize.errors import ResourceNotFoundException
from openpersonalize.wire import models
from openpersonalize.wire.identity import Caller, Identity
from openpersonalize.wire.operation import Operation
from tests.clients import ENDPOINT, Exchange, client, http
from tests.wire.doors import ALICE, SESSION, door
from tests.wire.shapes import nearly, valid
from tests.wire.test_signature import Presign

MODEL = models.load()
CAMPAIGN = "arn:aws:personalize:us-east-1:111122223333:campaign/home"
SCHEMA = "arn:aws:personalize:us-east-1:111122223333:schema/films"
JSON = "application/x-amz-json-1.1"


def recommend(ctx: Caller, *, campaign_arn: str, user_id: str = "", num_results: int = 2) -> dict[str, Any]:
    items = [{"itemId": f"{user_id}-{place}", "score": 0.5} for place in range(num_results)]
    return {"itemList": items, "recommendationId": f"{ctx.account}/{ctx.region}/{campaign_arn[-4:]}"}


def describe(_ctx: Caller, *, schema_arn: str) -> dict[str, Any]:
    if schema_arn != SCHEMA:
        raise ResourceNotFoundException.arn(schema_arn)
    when = datetime(2024, 6, 10, 6, 13, 20, 125000, tzinfo=UTC)
    return {"schema": {"name": "films", "schemaArn": schema_arn, "creationDateTime": when}}


def nothing(_ctx: Caller, **_members: Any) -> None:
    return None


OPERATIONS: dict[str, Callable[..., Any]] = {
    "get_recommendations": recommend,
    "describe_schema": describe,
    "delete_schema": nothing,
    "tag_resource": nothing,
    "put_events": nothing,
    "list_schemas": nothing,
}
DOOR = door(OPERATIONS)


def runtime(app: Any = DOOR, who: Identity = ALICE, **options: Any) -> Any:
    return client("personalize-runtime", app, who, **options)


def control(app: Any = DOOR, who: Identity = ALICE, **options: Any) -> Any:
    return client("personalize", app, who, **options)


def refused(call: Any, **members: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def told(got: Exchange) -> tuple[str, int]:
    """The error code as a client finds it, and the status."""
    return got.headers.get("x-amzn-errortype") or orjson.loads(got.body)["__type"], got.status


def test_boto3_is_answered_over_rest_json() -> None:
    answer = runtime(region="eu-west-1").get_recommendations(campaignArn=CAMPAIGN, userId="u", numResults=1)
    assert answer["itemList"] == [{"itemId": "u-0", "score": 0.5}]
    assert answer["recommendationId"] == "111122223333/eu-west-1/home"
    assert answer["ResponseMetadata"]["RequestId"]


def test_boto3_is_answered_over_json() -> None:
    schema = control().describe_schema(schemaArn=SCHEMA)["schema"]
    assert schema["creationDateTime"] == datetime(2024, 6, 10, 6, 13, 20, 125000, tzinfo=UTC)
    assert control().delete_schema(schemaArn=SCHEMA)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert control().tag_resource(resourceArn=SCHEMA, tags=[])["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_boto3_raises_the_modelled_exceptions() -> None:
    personalize = control()
    with pytest.raises(personalize.exceptions.ResourceNotFoundException, match="does not exist"):
        personalize.describe_schema(schemaArn=SCHEMA + "2")
    events = client("personalize-events", DOOR, ALICE)
    event = {"eventType": "e" * 300, "sentAt": 1}
    with pytest.raises(events.exceptions.InvalidInputException, match="less than or equal to 256"):
        events.put_events(trackingId="t", sessionId="s", eventList=[event])


def test_a_wrong_secret_or_key_is_refused_in_both_protocols() -> None:
    guessed, nobody = replace(ALICE, secret="guessed"), replace(ALICE, access_key_id="AKIANOBODY")
    for who, code in ((guessed, "InvalidSignatureException"), (nobody, "UnrecognizedClientException")):
        assert refused(control(who=who).list_schemas)[:2] == (code, 400)
        assert refused(runtime(who=who).get_recommendations, campaignArn=CAMPAIGN)[:2] == (code, 403)


def test_a_clock_that_is_off_is_refused_with_its_time() -> None:
    late = door(OPERATIONS, clock=StillClock(datetime.now(UTC) + timedelta(minutes=20)))
    code, status, message = refused(control(late).list_schemas)
    assert (code, status) == ("InvalidSignatureException", 400)
    assert message.startswith("Signature expired: ")


def test_sessions_are_known_by_their_token_until_they_end() -> None:
    assert runtime(who=SESSION).get_recommendations(campaignArn=CAMPAIGN)["itemList"]
    forged = refused(control(who=replace(SESSION, token="x")).list_schemas)
    assert forged[:2] == ("UnrecognizedClientException", 400)
    ended = replace(SESSION, expires=datetime.now(UTC) - timedelta(seconds=1))
    app = door(OPERATIONS, ended)
    assert refused(control(app, ended).list_schemas)[:2] == ("ExpiredTokenException", 400)
    assert refused(runtime(app, ended).get_recommendations)[:2] == ("ExpiredTokenException", 403)


def test_a_body_changed_on_its_way_is_refused() -> None:
    async def tampering(scope: Any, receive: Any, send: Any) -> None:
        async def other() -> Any:
            message = await receive()
            return {**message, "body": message["body"].replace(b"mine", b"your")}

        await DOOR(scope, other, send)

    call = runtime(tampering).get_recommendations
    assert refused(call, campaignArn=CAMPAIGN, userId="mine")[:2] == ("InvalidSignatureException", 403)


def presigned(seconds: int) -> tuple[str, dict[str, str]]:
    request = AWSRequest("POST", f"{ENDPOINT}/recommendations", data=orjson.dumps({"campaignArn": CAMPAIGN}))
    credentials = Credentials(ALICE.access_key_id, ALICE.secret)
    Presign(credentials, "personalize", "us-east-1", seconds).add_auth(request)
    return request.url, dict(request.headers)


def test_a_presigned_url_serves_until_it_expires() -> None:
    url, headers = presigned(60)
    body = orjson.dumps({"campaignArn": CAMPAIGN})
    assert http(DOOR, "POST", url, headers, body).status == 200
    later = door(OPERATIONS, clock=StillClock(datetime.now(UTC) + timedelta(seconds=90)))
    assert told(http(later, "POST", url, headers, body)) == ("InvalidSignatureException", 403)
    assert told(http(DOOR, "POST", url, headers, b"{}")) == ("InvalidSignatureException", 403)


def test_an_unsigned_request_is_refused_and_served_where_nothing_is_asked_for() -> None:
    headers = {"X-Amz-Target": "AmazonPersonalize.ListSchemas", "Content-Type": JSON}
    assert told(http(DOOR, "POST", ENDPOINT, headers, b"{}")) == ("MissingAuthenticationTokenException", 400)
    assert told(http(DOOR, "POST", f"{ENDPOINT}/events", {}, b"{}")) == ("MissingAuthenticationTokenException", 403)
    assert http(OPEN, "POST", ENDPOINT, headers, b"").status == 200


OPEN = door(OPERATIONS, authentication="off")


def test_what_no_operation_answers_is_unknown_in_the_form_it_was_asked() -> None:
    target = {"X-Amz-Target": "AmazonPersonalize.Nope"}
    assert told(http(DOOR, "POST", ENDPOINT, target, b"{}")) == ("UnknownOperationException", 400)
    assert told(http(DOOR, "POST", f"{ENDPOINT}/nope", {}, b"{}")) == ("UnknownOperationException", 404)
    assert told(http(DOOR, "GET", f"{ENDPOINT}/events")) == ("UnknownOperationException", 404)
    twice = [("X-Amz-Target", "AmazonPersonalize.ListSchemas"), ("X-Amz-Target", "AmazonPersonalize.DeleteSchema")]
    assert told(http(OPEN, "POST", ENDPOINT, twice, b"{}")) == ("UnknownOperationException", 400)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"userId": NaN}',
        b"\xff",
        b"[1]",
        b"null",
        b"[" * 5000,
        b'{"numResults": 1e999}',
        b'"\\ud800"',
    ],
)
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    assert told(http(OPEN, "POST", f"{ENDPOINT}/recommendations", {}, body)) == ("SerializationException", 400)
    target = {"X-Amz-Target": "AmazonPersonalize.ListSchemas"}
    assert told(http(OPEN, "POST", ENDPOINT, target, body)) == ("SerializationException", 400)


def test_a_body_over_the_limit_is_refused() -> None:
    small = door(OPERATIONS, max_body_bytes=2000)
    assert refused(runtime(small).get_recommendations, userId="x" * 2000)[:2] == ("RequestEntityTooLargeException", 413)
    code, status, _ = refused(control(small).create_schema, name="a", schema="x" * 2000)
    assert (code, status) == ("RequestEntityTooLargeException", 413)


def test_every_broken_rule_is_told_in_one_answer() -> None:
    event = {"sentAt": 1, "eventType": "", "itemId": "x" * 257, "impression": ["a"] * 26}
    events = client("personalize-events", OPEN, ALICE, parameter_validation=False)
    code, status, message = refused(events.put_events, trackingId="", eventList=[event, {}])
    assert (code, status) == ("InvalidInputException", 400)
    assert message.startswith("7 validation errors detected: ")
    for member in (
        "trackingId",
        "sessionId",
        "eventList.1.member.eventType",
        "eventList.1.member.itemId",
        "eventList.1.member.impression",
        "eventList.2.member.eventType",
        "eventList.2.member.sentAt",
    ):
        assert f"at '{member}' failed" in message


def test_an_operation_that_is_not_there_yet_says_so() -> None:
    text = "The operation {} is not implemented by this server."
    assert refused(control().list_recipes) == ("NotImplementedException", 501, text.format("ListRecipes"))
    put_users = client("personalize-events", DOOR, ALICE).put_users
    answer = refused(put_users, datasetArn=SCHEMA, users=[{"userId": "u"}])
    assert answer == ("NotImplementedException", 501, text.format("PutUsers"))


def test_an_answer_may_come_from_a_future_that_holds_no_thread() -> None:
    futures: list[Future[Any]] = []

    def later(_ctx: Caller, **_members: Any) -> Future[Any]:
        futures.append(Future())
        if len(futures) == 3:
            for place, future in enumerate(futures):
                future.set_result({"recommendationId": str(place)})
        return futures[-1]

    app = door({"get_recommendations": later}, threads=1)
    answers: list[str] = []
    calls = [
        threading.Thread(target=lambda: answers.append(runtime(app).get_recommendations()["recommendationId"]))
        for _ in range(3)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert sorted(answers) == ["0", "1", "2"]


def test_a_future_may_fail_in_the_callers_words_or_ours() -> None:
    def failing(_ctx: Caller, *, user_id: str) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(ResourceNotFoundException("no such user") if user_id == "u" else OSError("disk"))
        return future

    call = runtime(door({"get_recommendations": failing})).get_recommendations
    assert refused(call, userId="u") == ("ResourceNotFoundException", 404, "no such user")
    assert refused(call, userId="v")[:2] == ("InternalFailure", 500)


@pytest.mark.parametrize("mistake", [KeyError("secret"), StopIteration(), RecursionError(), AssertionError()])
def test_our_mistakes_are_500_and_keep_their_detail_to_the_log(mistake: Exception) -> None:
    def broken(_ctx: Caller) -> None:
        raise mistake

    code, status, message = refused(control(door({"list_schemas": broken})).list_schemas)
    assert (code, status) == ("InternalFailure", 500)
    assert "secret" not in message


def test_operators_see_health_and_counters_without_signing() -> None:
    assert http(DOOR, "GET", f"{ENDPOINT}/healthz").body == b'{"status":"ok"}'
    head = http(DOOR, "HEAD", f"{ENDPOINT}/healthz")
    assert (head.status, head.body) == (200, b"")
    assert http(door({}, ready=lambda: False), "GET", f"{ENDPOINT}/healthz").status == 503
    runtime().get_recommendations(campaignArn=CAMPAIGN)
    metrics = http(DOOR, "GET", f"{ENDPOINT}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'openpersonalize_requests_total{code="OK",operation="GetRecommendations"}' in metrics.body


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def test_each_call_has_one_line_that_tells_who_did_what_to_which_resource(lines: list[Any]) -> None:
    answer = control().describe_schema(schemaArn=SCHEMA)
    refused(control().describe_schema, schemaArn=SCHEMA + "2")
    runtime().get_recommendations(campaignArn=CAMPAIGN, userId="a-private-user")
    refused(runtime().get_recommendations, campaignArn="a-private-user", userId="a-private-user" * 50)
    assert [(line["operation"], line["code"], line["status"], line["log_level"]) for line in lines] == [
        ("DescribeSchema", "OK", 200, "info"),
        ("DescribeSchema", "ResourceNotFoundException", 400, "info"),
        ("GetRecommendations", "OK", 200, "debug"),
        ("GetRecommendations", "InvalidInputException", 400, "info"),
    ]
    first = lines[0]
    assert first["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert (first["account"], first["region"], first["principal"]) == ("111122223333", "us-east-1", ALICE.principal_arn)
    assert (first["source"], first["resources"]) == ("127.0.0.1", (SCHEMA,))
    assert "a-private-user" not in str(lines)


def test_a_scope_that_is_not_http_is_refused() -> None:
    with pytest.raises(ValueError, match="websocket"):
        DOOR({"type": "websocket"}, None, None).send(None)  # type: ignore[arg-type]


EVERYTHING = door(
    dict.fromkeys((operation.key for operation in MODEL.operations.values()), nothing), authentication="off"
)


def send(app: Any, operation: Operation, body: bytes) -> Exchange:
    if operation.rest:
        path = next(path for (_, path), found in MODEL.paths.items() if found == operation)
        return http(app, "POST", ENDPOINT + path, {"Content-Type": "application/json"}, body)
    return http(app, "POST", ENDPOINT, {"X-Amz-Target": f"AmazonPersonalize.{operation.name}"}, body)


@pytest.mark.parametrize("name", sorted(MODEL.operations))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_json_makes_an_operation_fail(name: str, data: st.DataObject) -> None:
    operation = MODEL.operations[name]
    body = json.dumps(data.draw(nearly(operation.input_shape)))  # unlike orjson it writes numbers of any size
    got = send(EVERYTHING, operation, body.encode())
    assert got.status in {200, 400}
    assert got.status == 200 or told(got)[0] in {"InvalidInputException", "SerializationException"}


GIVEN: dict[str, Any] = {}
GIVING = door(
    {operation.key: lambda _ctx, **_members: GIVEN["answer"] for operation in MODEL.operations.values()},
    authentication="off",
)
CLIENTS = {service: client(service, GIVING, ALICE, parameter_validation=False) for service in models.SERVICES}


@pytest.mark.parametrize("name", sorted(name for name, operation in MODEL.operations.items() if operation.output_shape))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_boto3_reads_every_answer_as_it_was_given(name: str, data: st.DataObject) -> None:
    operation = MODEL.operations[name]
    GIVEN["answer"] = data.draw(valid(operation.output_shape))
    got = getattr(CLIENTS[operation.service], operation.key)(**data.draw(valid(operation.input_shape)))
    del got["ResponseMetadata"]
    assert _comparable(got) == GIVEN["answer"]


def _comparable(value: Any) -> Any:
    """An answer of boto3 with times as seconds and milliseconds again."""
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, dict):
        return {key: _comparable(inner) for key, inner in value.items()}
    return [_comparable(inner) for inner in value] if isinstance(value, list) else value
