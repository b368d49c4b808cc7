"""The bytes of the wire, kept as text: one file per protocol form and per form of error.

They change only with --update-snapshots, and a change is to be read: clients depend on every line.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from openpersonalize.errors import ResourceInUseException
from openpersonalize.wire.identity import Caller
from tests.clients import ENDPOINT, client, http
from tests.wire.doors import ALICE, door
from tests.wire.test_http import CAMPAIGN, OPERATIONS, SCHEMA

Snapshot = Callable[[str, str], None]

_REQUEST_HEADERS = (b"host", b"content-type", b"x-amz-target", b"x-amz-date", b"authorization", b"content-length")
_VARYING = (
    (r"/\d{8}/", "/<date>/"),
    (r"\d{8}T\d{6}Z", "<time>"),
    (r"Signature=[0-9a-f]{64}", "Signature=<signature>"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<request id>"),
)


def busy(_ctx: Caller, **_members: Any) -> None:
    raise ResourceInUseException("The dataset is being imported.")


def broken(_ctx: Caller, **_members: Any) -> None:
    raise KeyError("secret")


class Wire:
    """A door, and what passed through it."""

    def __init__(self, **settings: Any) -> None:
        self._door = door({**OPERATIONS, "put_items": busy, "list_recipes": broken}, **settings)
        self.text = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on and write it down."""
        sent = dict(scope["headers"])
        lines = [f"{scope['method']} {scope['path']}"]
        lines += [f"{name.decode()}: {sent[name].decode()}" for name in _REQUEST_HEADERS if name in sent]
        body = (await receive())["body"]
        lines += ["", body.decode()[:2000], "", "----------", ""]

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                lines.append(str(message["status"]))
                lines.extend(f"{name.decode()}: {value.decode()}" for name, value in message["headers"])
            else:
                lines.extend(["", message["body"].decode(), ""])
            await send(message)

        await self._door(scope, again, note)
        self.text = "\n".join(lines)
        for pattern, mask in _VARYING:
            self.text = re.sub(pattern, mask, self.text)


CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "json": ("personalize", "describe_schema", {"schemaArn": SCHEMA}),
    "json-no-output": ("personalize", "delete_schema", {"schemaArn": SCHEMA}),
    "json-empty-output": ("personalize", "tag_resource", {"resourceArn": SCHEMA, "tags": []}),
    "json-error-constraints": ("personalize", "list_schemas", {"maxResults": 1000, "nextToken": "é"}),
    "json-error-not-found": ("personalize", "describe_schema", {"schemaArn": SCHEMA + "2"}),
    "json-error-not-implemented": ("personalize", "list_solutions", {}),
    "json-error-internal": ("personalize", "list_recipes", {}),
    "rest": ("personalize-runtime", "get_recommendations", {"campaignArn": CAMPAIGN, "userId": "u"}),
    "rest-no-output": (
        "personalize-events",
        "put_events",
        {"trackingId": "t", "sessionId": "s", "eventList": [{"eventType": "watch", "sentAt": 1718000000}]},
    ),
    "rest-error-constraints": ("personalize-runtime", "get_recommendations", {"campaignArn": "home"}),
    "rest-error-in-use": ("personalize-events", "put_items", {"datasetArn": SCHEMA, "items": [{"itemId": "i"}]}),
    "rest-error-not-implemented": ("personalize-runtime", "get_action_recommendations", {}),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_call_of_boto3_looks_as_it_did(name: str, snapshot: Snapshot) -> None:
    service, key, members = CALLS[name]
    wire = Wire()
    try:
        getattr(client(service, wire, ALICE), key)(**members)
    except ClientError as refused:
        assert "error" in name, refused  # noqa: PT017 - the snapshot tells the rest
    snapshot(f"{name}.txt", wire.text)


JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonPersonalize.ListSchemas"}
REST = {"Content-Type": "application/json"}
RAW: dict[str, tuple[str, dict[str, str], bytes, dict[str, Any]]] = {
    "json-error-unsigned": ("/", JSON, b"{}", {}),
    "json-error-unknown": ("/", {**JSON, "X-Amz-Target": "AmazonPersonalize.Nope"}, b"{}", {}),
    "json-error-malformed": ("/", JSON, b"{", {"authentication": "off"}),
    "json-error-too-large": ("/", JSON, b" " * 1025, {"max_body_bytes": 1024}),
    "rest-error-unsigned": ("/events", REST, b"{}", {}),
    "rest-error-unknown": ("/nope", REST, b"{}", {}),
    "rest-error-malformed": ("/events", REST, b"{", {"authentication": "off"}),
    "rest-error-wrong-type": ("/events", REST, b'{"eventList":{}}', {"authentication": "off"}),
    "rest-error-too-large": ("/events", REST, b" " * 1025, {"max_body_bytes": 1024}),
}


@pytest.mark.parametrize("name", sorted(RAW))
def test_a_request_that_no_client_library_sends_is_answered_as_it_was(name: str, snapshot: Snapshot) -> None:
    path, headers, body, settings = RAW[name]
    wire = Wire(**settings)
    http(wire, "POST", ENDPOINT + path, headers, body)
    snapshot(f"{name}.txt", wire.text)
