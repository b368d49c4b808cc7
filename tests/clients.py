"""boto3 clients whose HTTP is answered in process: the real client library against an ASGI application, no socket.

personalize = client("personalize", app, identity)
personalize.create_schema(name="films", schema=…)
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.loaders import Loader

from openpersonalize.wire.identity import Identity

ENDPOINT = "http://localhost:8080"
_TIMEOUT_SECONDS = 60


def client(
    service: str,
    app: Any,
    identity: Identity,
    *,
    region: str = "us-east-1",
    endpoint: str = ENDPOINT,
    protocol: str | None = None,
    **config: Any,
) -> Any:
    """A boto3 client of `app`; `config` are options of botocore's Config, such as parameter_validation=False.

    `protocol` makes it speak another than it would choose, one that its service model names.
    """
    made = _session(protocol).client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=identity.access_key_id,
        aws_secret_access_key=identity.secret,
        aws_session_token=identity.token,
        config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
    )
    made.meta.events.register("before-send", lambda request, **_: _answered(app, request))
    return made


@dataclass
class Exchange:
    """An HTTP answer: status, headers by lower-case name, body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def http(
    app: Any,
    method: str,
    url: str,
    headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
    body: bytes = b"",
    *,
    chunk: int = 65536,
) -> Exchange:
    """Send one raw request to an ASGI application; pairs instead of a mapping send a header twice."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    parts = urlsplit(url)
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("Host", parts.netloc))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path or "/",
        "raw_path": (parts.path or "/").encode("latin-1"),
        "query_string": parts.query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 8080),
    }
    return asyncio.run_coroutine_threadsafe(_exchange(app, scope, body, chunk), _loop()).result(_TIMEOUT_SECONDS)


async def _exchange(app: Any, scope: dict[str, Any], body: bytes, chunk: int) -> Exchange:
    pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
    exchange = Exchange()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            exchange.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            exchange.body += message.get("body", b"")

    await app(scope, receive, send)
    return exchange


def _answered(app: Any, request: AWSPreparedRequest) -> AWSResponse:
    headers = [(name, value if isinstance(value, str) else value.decode()) for name, value in request.headers.items()]
    body = request.body or b""
    got = http(app, request.method, request.url, headers, body if isinstance(body, bytes) else body.encode())
    return AWSResponse(request.url, got.status, got.headers, _Raw(got.body))


@dataclass
class _Raw:
    """The part of a urllib3 response that botocore reads."""

    body: bytes

    def stream(self) -> Iterator[bytes]:
        yield self.body


class _Loader(Loader):  # type: ignore[misc]
    """Service models that name one protocol only."""

    def __init__(self, protocol: str) -> None:
        super().__init__()
        self._protocol = protocol

    def load_service_model(self, *asked: Any, **more: Any) -> Any:
        """The model as it is, but for its protocol."""
        model = super().load_service_model(*asked, **more)
        if "metadata" not in model or self._protocol not in model["metadata"].get("protocols", ()):
            return model
        return model | {"metadata": model["metadata"] | {"protocols": [self._protocol]}}


@cache
def _session(protocol: str | None) -> Any:
    if protocol is None:
        return boto3.Session()
    session = botocore.session.Session()
    session.register_component("data_loader", _Loader(protocol))
    return boto3.Session(botocore_session=session)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asgi", daemon=True).start()
    return loop
