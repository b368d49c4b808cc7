"""The protocols of the port: how a call's arguments are read, its answer written, its refusal told; an object each.

JSON and REST-JSON are here, the query protocol is in `query`, RPC v2 in `cbor`. Which one a request speaks: `routes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from openpersonalize.errors import SerializationException
from openpersonalize.wire.messages import Header, Refusal, Reply, told
from openpersonalize.wire.operation import Operation


class Form(Protocol):
    """A protocol.

    `statuses` are its own HTTP statuses by error code; whatever is not named there, the caller's error is a 400.
    `query_compatible` tells that clients match on codes of the query protocol.
    """

    @property
    def statuses(self) -> Mapping[str, int]:
        """HTTP statuses by error code."""
        ...

    @property
    def query_compatible(self) -> bool:
        """Whether clients match on codes of the query protocol."""
        ...

    def read(self, operation: Operation, body: bytes) -> dict[str, Any]:
        """The keyword arguments of a call; raises SerializationException and InvalidInputException."""
        ...

    def write(self, operation: Operation, answer: Any, request_id: str) -> Reply:
        """The reply that carries an answer."""
        ...

    def refuse(self, refusal: Refusal) -> Reply:
        """The reply that carries an error."""
        ...


HTTP_STATUSES = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
}
"""What a caller may not do, in protocols whose statuses are those of HTTP."""


def query_error(refusal: Refusal) -> Header:
    """The header by which clients that once spoke the query protocol find the code they know."""
    whose = "Receiver" if refusal.status >= 500 else "Sender"  # noqa: PLR2004 - HTTP's own line
    return b"x-amzn-query-error", f"{refusal.query_code};{whose}".encode()


@dataclass(frozen=True)
class _Json:
    """JSON 1.0 and 1.1: the operation in a header, the code in the body, 400 for whatever is the caller's to mend."""

    content_type: bytes
    query_compatible: bool
    statuses: Mapping[str, int]

    def read(self, operation: Operation, body: bytes) -> dict[str, Any]:
        return operation.parse(_decoded(body))

    def write(self, operation: Operation, answer: Any, request_id: str) -> Reply:  # noqa: ARG002 - told in a header
        return Reply(200, self.content_type, operation.write(answer), headers=told(answer))

    def refuse(self, refusal: Refusal) -> Reply:
        body = orjson.dumps({"__type": refusal.code, "message": refusal.message})
        headers = (query_error(refusal),) if self.query_compatible else ()
        return Reply(refusal.status, self.content_type, body, refusal.code, headers)


class _RestJson(_Json):
    """REST-JSON: the operation in the path, the code in a header, the statuses of HTTP."""

    def refuse(self, refusal: Refusal) -> Reply:
        body = orjson.dumps({"message": refusal.message})
        headers = ((b"x-amzn-errortype", refusal.code.encode()),)
        return Reply(refusal.status, self.content_type, body, refusal.code, headers)


def _decoded(body: bytes) -> Any:
    """The JSON of a body, `{}` for an empty one; not-a-numbers and more than 1024 levels are refused by orjson."""
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as fault:
        raise SerializationException(f"The request body is not valid JSON: {fault}") from None


JSON_1_0: Form = _Json(b"application/x-amz-json-1.0", query_compatible=True, statuses={})
JSON_1_1: Form = _Json(b"application/x-amz-json-1.1", query_compatible=False, statuses={})
REST_JSON: Form = _RestJson(
    b"application/json",
    query_compatible=False,
    statuses=HTTP_STATUSES
    | {
        "ResourceNotFoundException": 404,
        "ResourceInUseException": 409,
        "UnknownOperationException": 404,
        "ThrottlingException": 429,
    },
)
