"""RPC v2 CBOR: the operation in the path, values in CBOR. SDKs other than Python's speak it to CloudWatch.

Source: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import cbor2

from openpersonalize.errors import SerializationException
from openpersonalize.wire.messages import Header, Refusal, Reply, told
from openpersonalize.wire.operation import Operation
from openpersonalize.wire.protocols import Form, query_error

_CBOR = b"application/cbor"
_ALWAYS: tuple[Header, ...] = ((b"smithy-protocol", b"rpc-v2-cbor"),)
_EPOCH_TAG = 1
_MOST_LEVELS = 64


class _Cbor:
    """The protocol."""

    statuses: Mapping[str, int] = {}
    query_compatible = True

    def read(self, operation: Operation, body: bytes) -> dict[str, Any]:
        return operation.parse(_decoded(body))

    def write(self, operation: Operation, answer: Any, request_id: str) -> Reply:  # noqa: ARG002 - told in a header
        shown = operation.show(answer)
        tree = shown if operation.output_shape is None else _tagged(operation.output_shape, shown)
        return Reply(200, _CBOR, cbor2.dumps(tree), headers=(*_ALWAYS, *told(answer)))

    def refuse(self, refusal: Refusal) -> Reply:
        body = cbor2.dumps({"__type": refusal.code, "message": refusal.message})
        return Reply(refusal.status, _CBOR, body, refusal.code, (*_ALWAYS, query_error(refusal)))


CBOR: Form = _Cbor()


def _decoded(body: bytes) -> Any:
    """The values of a body as JSON would hold them, times as seconds; `{}` for an empty one."""
    if not body:
        return {}
    try:
        return _plain(cbor2.loads(body, max_depth=_MOST_LEVELS, strict_hashable_types=True, semantic_decoders=_REFUSED))
    except (cbor2.CBORError, ValueError, OverflowError, MemoryError) as fault:
        raise SerializationException(f"The request body is not valid CBOR: {fault}") from None


def _refuse(_decoder: Any) -> Any:
    raise ValueError("shared values have no place in a request")


# A value that is shared many times over, level by level, would be small on the wire and endless to read.
_REFUSED: dict[int, Any] = {28: _refuse, 29: _refuse, 25: _refuse, 256: _refuse}


def _plain(value: Any) -> Any:
    if type(value) is dict:
        return {str(key): _plain(entry) for key, entry in value.items()}
    if type(value) is list:
        return [_plain(entry) for entry in value]
    if value is cbor2.undefined:
        return None
    if isinstance(value, datetime):
        return value.timestamp()
    if type(value) is float and not math.isfinite(value):
        raise SerializationException(f"The request body holds {value}, which is no number.")
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise SerializationException(f"The request body holds a {type(value).__name__}, which no member takes.")


def _tagged(shape: Any, value: Any) -> Any:
    """An answer's values with its times marked as such."""
    if shape.type_name == "structure":
        return {member: _tagged(shape.members[member], entry) for member, entry in value.items()}
    if shape.type_name == "list":
        return [_tagged(shape.member, entry) for entry in value]
    if shape.type_name == "timestamp":
        return cbor2.CBORTag(_EPOCH_TAG, float(value))
    return value
