"""Errors become answers here, and nowhere else.

The form is the protocol's: JSON carries the code in the body, as clients read it only there, and answers 400 for
everything that is the caller's to mend; REST-JSON carries it in a header and speaks with HTTP's statuses. What is not
a `ServiceError` is ours: 500, and the trace goes to the log, not to the caller.
"""

from openpersonalize import logs
from openpersonalize.errors import NotImplementedException, ServiceError
from openpersonalize.wire.messages import Refusal, Reply
from openpersonalize.wire.operation import Operation
from openpersonalize.wire.protocols import Form

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
# The names that the query protocol has for these errors, by which its clients, old and new, know them:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html
_IN_QUERY = {
    "AccessDeniedException": "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidInputException": "ValidationError",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "SerializationException": "MalformedInput",
    "ThrottlingException": "Throttling",
    "UnknownOperationException": "InvalidAction",
    "UnrecognizedClientException": "InvalidClientTokenId",
}

_log = logs.get("wire")


def reply(fault: Exception, *, operation: Operation | None, protocol: Form, request_id: str) -> Reply:
    """The answer to a call that failed with `fault`; `operation` is None when it failed before one was found."""
    if not isinstance(fault, ServiceError):
        name = operation.name if operation else None
        _log.error("internal failure", operation=name, request_id=request_id, exc_info=fault)
        message = f"The server failed; its log tells why under request id {request_id}."
        return protocol.refuse(Refusal(500, "InternalFailure", "InternalFailure", message, request_id))
    code = fault.code
    if operation is not None and code not in COMMON and code not in operation.errors:
        _log.warning("error not in the model", operation=operation.name, code=code, request_id=request_id)
    status = _EVERYWHERE.get(code) or protocol.statuses.get(code, 400)
    named = operation.errors.get(code) if operation is not None else None
    if protocol.query_compatible and code == "InvalidInputException":
        code = "ValidationException"  # CloudWatch's name for the same
    return protocol.refuse(Refusal(status, code, named or _IN_QUERY.get(fault.code, code), fault.message, request_id))


def not_implemented(operation: Operation) -> NotImplementedException:
    """The error of an operation that Amazon has and this version has not."""
    return NotImplementedException(f"The operation {operation.name} is not implemented by this server.")
