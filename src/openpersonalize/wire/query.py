"""The query protocol: a form in, XML out. Older boto3 and the AWS CLI speak it to CloudWatch.

`Action=ListMetrics&Version=2010-08-01&Dimensions.member.1.Name=…`; lists count from 1. Source:
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from openpersonalize.errors import SerializationException
from openpersonalize.wire.messages import Refusal, Reply, told
from openpersonalize.wire.operation import Operation
from openpersonalize.wire.protocols import HTTP_STATUSES, Form

CONTENT_TYPE = "application/x-www-form-urlencoded"
_XML = b"text/xml"
_NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
_MOST_LEVELS = 20
_TEXT = ""  # the key under which a node of the form keeps its own value; no part of a name is empty

_Node = dict[str, Any]

# What XML 1.0 cannot say at all, not even as a character reference.
_UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def action(body: bytes) -> str | None:
    """The operation that a form names."""
    return dict(_pairs(body)).get("Action")


class _Query:
    """The protocol."""

    statuses: Mapping[str, int] = HTTP_STATUSES
    query_compatible = True

    def read(self, operation: Operation, body: bytes) -> dict[str, Any]:
        root: _Node = {}
        for name, value in _pairs(body):
            _place(root, name, value)
        given = {} if operation.input_shape is None else _value(operation.input_shape, root)
        return operation.parse(given)

    def write(self, operation: Operation, answer: Any, request_id: str) -> Reply:
        result = ""
        if operation.output_shape is not None:
            result = _element(f"{operation.name}Result", _xml(operation.output_shape, operation.show(answer)))
        inner = result + _element("ResponseMetadata", _element("RequestId", escape(request_id)))
        return Reply(200, _XML, _document(f"{operation.name}Response", inner), headers=told(answer))

    def refuse(self, refusal: Refusal) -> Reply:
        kind = "Receiver" if refusal.status >= 500 else "Sender"  # noqa: PLR2004 - HTTP's own line
        parts = {"Type": kind, "Code": refusal.query_code, "Message": refusal.message}
        error = "".join(_element(name, _text(text)) for name, text in parts.items())
        inner = _element("Error", error) + _element("RequestId", escape(refusal.request_id))
        return Reply(refusal.status, _XML, _document("ErrorResponse", inner), refusal.code)


QUERY: Form = _Query()


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as fault:
        raise SerializationException(f"The request body is not a form of UTF-8 text: {fault}") from None


def _place(root: _Node, name: str, value: str) -> None:
    parts = name.split(".", _MOST_LEVELS)
    if len(parts) > _MOST_LEVELS:
        raise SerializationException(f"The parameter {name[:200]} has more than {_MOST_LEVELS} parts.")
    node = root
    for part in parts:
        node = node.setdefault(part or " ", {})
    node[_TEXT] = value


def _value(shape: Any, node: _Node) -> Any:
    """A node of the form as the JSON that would say the same; what is no number stays text, and is refused later."""
    if shape.type_name == "structure":
        return {
            member: _value(below, node[name])
            for member, below in shape.members.items()
            if (name := below.serialization.get("name", member)) in node
        }
    if shape.type_name == "list":
        entries = node if shape.serialization.get("flattened") else node.get("member", {})
        places = sorted((int(place), entry) for place, entry in entries.items() if _is_place(place))
        return [_value(shape.member, entry) for _, entry in places]
    text = node.get(_TEXT, "")
    return _SCALARS.get(shape.type_name, str)(text)


def _is_place(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9  # noqa: PLR2004 - a billion is enough


def _whole(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text) else text


def _number(text: str) -> float | str:
    number = float(text) if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text) else math.nan
    return number if math.isfinite(number) else text


def _boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text, text)


_SCALARS: Mapping[str, Any] = {
    "integer": _whole,
    "long": _whole,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
}


def _document(name: str, inner: str) -> bytes:
    return f'<{name} xmlns="{_NAMESPACE}">{inner}</{name}>'.encode()


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _text(value: str) -> str:
    return escape(_UNSPEAKABLE.sub("\ufffd", value))


def _xml(shape: Any, value: Any) -> str:
    """The inside of an element."""
    if shape.type_name == "structure":
        return "".join(
            _element(below.serialization.get("name", member), _xml(below, value[member]))
            for member, below in shape.members.items()
            if member in value
        )
    if shape.type_name == "list":
        return "".join(_element("member", _xml(shape.member, entry)) for entry in value)
    if shape.type_name == "map":
        entries = ((_xml(shape.key, key), _xml(shape.value, entry)) for key, entry in value.items())
        return "".join(_element("entry", _element("key", key) + _element("value", entry)) for key, entry in entries)
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return _text(str(value))
