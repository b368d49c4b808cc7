"""One CloudWatch behind three protocols: botocore speaks each of them to the same made-up operations."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import cbor2
import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from openpersonalize.errors import InvalidParameterCombinationException
from openpersonalize.wire.identity import Caller
from tests.clients import ENDPOINT, Exchange, client, http
from tests.wire.doors import ALICE, door

PROTOCOLS = ("json", "query", "smithy-rpc-v2-cbor")
NOON = datetime(2026, 3, 14, 12, 0, 0, 250000, tzinfo=UTC)
GIVEN: dict[str, Any] = {}
QUERIES = [
    {
        "Id": "m1",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Personalize",
                "MetricName": "CLICKS",
                "Dimensions": [{"Name": "A", "Value": "<&ü>"}, {"Name": "B", "Value": "x y"}],
            },
            "Period": 900,
            "Stat": "Sum",
        },
        "ReturnData": False,
    },
    {"Id": "e1", "Expression": "m1 * 2"},
]
GRANITE = "GraniteServiceVersion20100801"


def get_metric_data(_ctx: Caller, **members: Any) -> dict[str, Any]:
    GIVEN.clear()
    GIVEN.update(members)
    if members.get("max_datapoints") == 1:
        raise InvalidParameterCombinationException("too <many>")
    result = {"Id": "e1", "Label": "<\x01&ü>", "Timestamps": [NOON, 1773489600], "Values": [0.1, 2.0]}
    return {"MetricDataResults": [result | {"StatusCode": "Complete"}], "Messages": []}


def list_metrics(_ctx: Caller, **members: Any) -> dict[str, Any]:
    GIVEN.clear()
    GIVEN.update(members)
    return {"Metrics": []}


DOOR = door(
    {
        "cloudwatch.get_metric_data": get_metric_data,
        "cloudwatch.list_metrics": list_metrics,
        "cloudwatch.put_metric_data": lambda _ctx, **_members: None,
        "tag_resource": lambda _ctx, **_members: None,
    }
)


def cloudwatch(protocol: str, **more: Any) -> Any:
    return client("cloudwatch", DOOR, ALICE, protocol=protocol, **more)


def refused(call: Any, **members: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_botocore_is_read_and_answered_alike_in_every_protocol(protocol: str) -> None:
    got = cloudwatch(protocol).get_metric_data(MetricDataQueries=QUERIES, StartTime=NOON, EndTime=1773489600.0)
    assert GIVEN["metric_data_queries"] == QUERIES
    assert (round(GIVEN["end_time"]), GIVEN["start_time"]) == (1773489600, pytest.approx(NOON.timestamp(), abs=1))
    (result,) = got["MetricDataResults"]
    assert result["Timestamps"] == [NOON, datetime(2026, 3, 14, 12, tzinfo=UTC)]
    assert (result["Values"], result["StatusCode"]) == ([0.1, 2.0], "Complete")
    assert result["Label"] == ("<\ufffd&ü>" if protocol == "query" else "<\x01&ü>")
    assert got["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_operation_without_output_is_answered(protocol: str) -> None:
    datum = {"MetricName": "n", "Value": 1.0}
    got = cloudwatch(protocol).put_metric_data(Namespace="own", MetricData=[datum])
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_errors_have_the_codes_that_clients_of_the_query_protocol_know(protocol: str) -> None:
    ask = cloudwatch(protocol, parameter_validation=False)
    data: Mapping[str, Any] = {"MetricDataQueries": QUERIES, "StartTime": NOON, "EndTime": NOON}
    combination = refused(ask.get_metric_data, **data, MaxDatapoints=1)
    assert combination == ("InvalidParameterCombination", 400, "too <many>")
    code, status, message = refused(ask.list_metrics, RecentlyActive="PT4H")
    assert (code, status) == ("ValidationError", 400)
    assert "'recentlyActive'" in message or "'RecentlyActive'" in message
    assert refused(ask.list_tags_for_resource, ResourceARN="arn:x")[:2] == ("NotImplementedException", 501)
    assert refused(ask.tag_resource, ResourceARN="arn:x", Tags=[])[2] == (
        "The operation TagResource is not implemented by this server."
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_secret_or_key_is_refused(protocol: str) -> None:
    status = 403 if protocol == "query" else 400
    for who, code in (
        (replace(ALICE, secret="guessed"), "SignatureDoesNotMatch"),
        (replace(ALICE, access_key_id="AKIANOBODY"), "InvalidClientTokenId"),
    ):
        ask = client("cloudwatch", DOOR, who, protocol=protocol)
        assert refused(ask.list_metrics)[:2] == (code, status)


def test_a_signature_for_personalize_is_none_for_cloudwatch() -> None:
    request = AWSRequest("POST", ENDPOINT, {"X-Amz-Target": f"{GRANITE}.ListMetrics", "Host": "localhost:8080"}, b"{}")
    SigV4Auth(Credentials(ALICE.access_key_id, ALICE.secret), "personalize", "us-east-1").add_auth(request)
    got = http(DOOR, "POST", ENDPOINT, list(request.headers.items()), b"{}")
    told = orjson.loads(got.body)
    assert told["__type"] == "InvalidSignatureException"
    assert told["message"] == "Credential should be scoped to correct service: 'monitoring'."


OPEN = door(
    {"cloudwatch.list_metrics": list_metrics, "cloudwatch.get_metric_data": get_metric_data}, authentication="off"
)


def form(body: bytes) -> Exchange:
    return http(OPEN, "POST", ENDPOINT, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body)


def test_the_query_protocol_answers_in_xml() -> None:
    got = form(b"Action=ListMetrics&Version=2010-08-01&Dimensions.member.10.Name=z&Dimensions.member.2.Name=a%20b")
    assert GIVEN == {"dimensions": [{"Name": "a b"}, {"Name": "z"}]}
    assert (got.status, got.headers["content-type"]) == (200, "text/xml")
    root = ET.fromstring(got.body)  # noqa: S314 - our own answer
    name = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
    assert [element.tag for element in root.iter()] == [
        name + tag for tag in ("ListMetricsResponse", "ListMetricsResult", "Metrics", "ResponseMetadata", "RequestId")
    ]
    assert root.findtext(f"*/{name}RequestId") == got.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"Action=ListMetrics&Dimensions=", None),
        (b"Action=ListMetrics&Dimensions.member.x.Name=1", None),
        (b"Action=ListMetrics&Namespace=&Version=2010-08-01", "ValidationError"),
        (b"Action=ListMetrics&IncludeLinkedAccounts=perhaps", "MalformedInput"),
        (b"Action=ListMetrics&Namespace=%ff", "MalformedInput"),
        (b"Action=ListMetrics&" + b"a." * 30 + b"=1", "MalformedInput"),
        (
            b"Action=GetMetricData&StartTime=1&EndTime=2&MetricDataQueries.member.1.Id=m&MaxDatapoints=1e9",
            "MalformedInput",
        ),
        (b"Action=Nope", "InvalidAction"),
        (b"", "InvalidAction"),
    ],
)
def test_a_form_that_says_nonsense_is_refused_in_xml(body: bytes, code: str | None) -> None:
    got = form(body)
    assert got.status == (200 if code is None else 400)
    root = ET.fromstring(got.body)  # noqa: S314 - our own answer
    found = root.findtext("*/{http://monitoring.amazonaws.com/doc/2010-08-01/}Code")
    assert found == code


def rpc(body: bytes, operation: str = "ListMetrics") -> Exchange:
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return http(OPEN, "POST", f"{ENDPOINT}/service/{GRANITE}/operation/{operation}", headers, body)


def test_cbor_answers_in_cbor_with_times_as_such() -> None:
    got = rpc(
        cbor2.dumps({"MetricDataQueries": QUERIES, "StartTime": cbor2.CBORTag(1, 1.5), "EndTime": cbor2.CBORTag(1, 3)}),
        "GetMetricData",
    )
    assert (GIVEN["start_time"], GIVEN["end_time"]) == (1.5, 3)
    assert got.headers["content-type"] == "application/cbor"
    assert got.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert cbor2.loads(got.body)["MetricDataResults"][0]["Timestamps"][0] == NOON
    assert cbor2.loads(rpc(b"").body) == {"Metrics": []}


LAUGHS = cbor2.dumps([cbor2.CBORTag(28, ["ha"] * 10), cbor2.CBORTag(29, 0)])


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x9f" * 100,
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        cbor2.dumps({"Namespace": b"bytes"}),
        cbor2.dumps({"Namespace": float("nan")}),
        cbor2.dumps({"Namespace": cbor2.CBORTag(4000, "x")}),
        cbor2.dumps([]),
        LAUGHS,
    ],
)
def test_cbor_that_says_nonsense_is_refused_in_cbor(body: bytes) -> None:
    got = rpc(body)
    assert got.status == 400
    assert cbor2.loads(got.body)["__type"] == "SerializationException"
    assert got.headers["x-amzn-query-error"] == "MalformedInput;Sender"


def test_an_unknown_operation_is_refused_in_its_protocol() -> None:
    assert cbor2.loads(rpc(b"", "Nope").body)["__type"] == "UnknownOperationException"
    got = http(OPEN, "POST", ENDPOINT, {"X-Amz-Target": f"{GRANITE}.Nope"}, b"{}")
    assert orjson.loads(got.body)["__type"] == "UnknownOperationException"
    assert got.headers["content-type"] == "application/x-amz-json-1.0"
    assert got.headers["x-amzn-query-error"] == "InvalidAction;Sender"


def test_our_mistakes_are_500_in_every_protocol() -> None:
    def broken(_ctx: Caller, **_members: Any) -> None:
        raise KeyError("secret")

    app = door({"cloudwatch.list_metrics": broken})
    for protocol in PROTOCOLS:
        code, status, message = refused(client("cloudwatch", app, ALICE, protocol=protocol).list_metrics)
        assert (code, status) == ("InternalFailure", 500)
        assert "secret" not in message


def test_botocore_really_spoke_three_protocols() -> None:
    seen: list[tuple[str, str]] = []
    for protocol in PROTOCOLS:
        ask = client("cloudwatch", OPEN, ALICE, protocol=protocol)
        ask.meta.events.register_first(
            "before-send", lambda request, **_: seen.append((request.url, str(request.headers["Content-Type"])))
        )
        ask.list_metrics(Namespace="own")
    assert [url for url, _ in seen] == [
        ENDPOINT + "/",
        ENDPOINT + "/",
        f"{ENDPOINT}/service/{GRANITE}/operation/ListMetrics",
    ]
    kinds = [kind.removeprefix("b'").split(";")[0].rstrip("'") for _, kind in seen]
    assert kinds == ["application/x-amz-json-1.0", "application/x-www-form-urlencoded", "application/cbor"]
