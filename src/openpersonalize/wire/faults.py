"""Errors become answers here, and nowhere else.

Two forms. JSON 1.1 (personalize) carries the code in the body, as clients read it only there, and answers 400 for
everything that is the caller's to mend. REST-JSON (personalize-events, -runtime) carries it in a header and speaks
with HTTP's statuses. What is not a `ServiceError` is ours: 500, and the trace goes to the log, not to the caller.
"""

import orjson

from openpersonalize import logs
from openpersonalize.errors import NotImplementedException, ServiceError
from openpersonalize.wire.messages import Reply
from openpersonalize.wire.models import Operation

JSON, REST = b"application/x-amz-json-1.1", b"application/json"

# What any operation may answer, whatever errors its model names. InvalidInputException is among them because list
# calls without it in their model still have constraints to break.
COMMON = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidInputException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotImplementedException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ServiceUnavailable",
        "ThrottlingException",
        "UnknownOperationException",
        "UnrecognizedClientException",
    }
)

_EVERYWHERE = {"RequestEntityTooLargeException": 413, "NotImplementedException": 501, "ServiceUnavailable": 503}
_ON_REST = {
    "ResourceNotFoundException": 404,
    "ResourceInUseException": 409,
    "UnknownOperationException": 404,
    "ThrottlingException": 429,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
}

_log = logs.get("wire")


def reply(fault: Exception, *, operation: Operation | None, rest: bool, request_id: str) -> Reply:
    """The answer to a call that failed with `fault`; `operation` is None when it failed before one was found."""
    if not isinstance(fault, ServiceError):
        name = operation.name if operation else None
        _log.error("internal failure", operation=name, request_id=request_id, exc_info=fault)
        return _reply(
            500, "InternalFailure", f"The server failed; its log tells why under request id {request_id}.", rest=rest
        )
    if operation is not None and fault.code not in COMMON and fault.code not in operation.errors:
        _log.warning("error not in the model", operation=operation.name, code=fault.code, request_id=request_id)
    status = _EVERYWHERE.get(fault.code) or (_ON_REST.get(fault.code, 400) if rest else 400)
    return _reply(status, fault.code, fault.message, rest=rest)


def not_implemented(operation: Operation) -> NotImplementedException:
    """The error of an operation that Amazon has and this version has not."""
    return NotImplementedException(f"The operation {operation.name} is not implemented by this server.")


def _reply(status: int, code: str, message: str, *, rest: bool) -> Reply:
    if rest:
        headers = ((b"x-amzn-errortype", code.encode()),)
        return Reply(status, REST, orjson.dumps({"message": message}), code, headers)
    return Reply(status, JSON, orjson.dumps({"__type": code, "message": message}), code)
