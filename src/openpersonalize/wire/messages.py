"""A request and a reply, as plain values: what is left of HTTP once the socket is behind us."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    `path` and `query` are as they stood on the wire, percent signs and all, because the signature covers that form.
    A header that came more than once keeps all its values, in order; names are lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, Sequence[str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, several values joined by commas; None when it is absent."""
        values = self.headers.get(name)
        return None if values is None else ",".join(values)


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `code` is the name of the error for logs and metrics, or "OK"."""

    status: int
    content_type: bytes
    body: bytes
    code: str = "OK"
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An error on its way to the caller.

    `code` is the error's name, `query_code` the one by which the query protocol knows it; `status` is 500 or more where
    the fault is ours.
    """

    status: int
    code: str
    query_code: str
    message: str
    request_id: str


class Told(dict[str, Any]):
    """An operation's answer with headers of its own, for what the output shape has no member for."""

    def __init__(self, members: Mapping[str, Any], *, headers: Mapping[str, str]) -> None:
        super().__init__(members)
        self.headers = headers


def told(answer: Any) -> tuple[Header, ...]:
    """The headers of an answer's own."""
    if not isinstance(answer, Told):
        return ()
    return tuple((name.encode(), text.encode("latin-1", "replace")) for name, text in answer.headers.items())


def headers_of(raw: Iterable[Header]) -> dict[str, list[str]]:
    """The headers of an ASGI scope by lower-case name; HTTP's bytes are read as Latin-1, which loses none."""
    headers: dict[str, list[str]] = {}
    for name, value in raw:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers
