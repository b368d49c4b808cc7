"""The small part of ASGI that the door needs: its types, a body with a limit, an answer, a life from start to stop."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from openpersonalize import logs
from openpersonalize.errors import RequestEntityTooLargeException
from openpersonalize.wire.messages import Header, Reply

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# As Amazon answers. Strict-Transport-Security is left to whoever ends TLS.
_ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)

_LENGTH = re.compile(r"[0-9]{1,20}")

_log = logs.get("wire")


class DisconnectedError(Exception):
    """The client went away before its request was whole; nobody waits for an answer."""


async def read_body(receive: Receive, announced: str | None, most: int) -> bytes:
    """The body of a request.

    `announced` is its Content-Length. Raises RequestEntityTooLargeException as soon as more than `most` bytes are
    announced or have come, without reading on, and DisconnectedError.
    """
    if announced is not None and _LENGTH.fullmatch(announced) and int(announced) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(most: int) -> RequestEntityTooLargeException:
    return RequestEntityTooLargeException(f"The request body is larger than {most} bytes.")


async def answer(send: Send, reply: Reply, request_id: str, *, head: bool = False) -> None:
    """Send a reply; a client that has gone is no error. `head` keeps the body back, as HTTP asks for HEAD."""
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
        *reply.headers,
        *_ALWAYS,
    ]
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else reply.body})
    except OSError as gone:
        _log.debug("client gone before its answer", request_id=request_id, reason=str(gone))


async def live(receive: Receive, send: Send, start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Run `start` before the first request and `stop` after the last, in a thread: both may take their time."""
    loop = asyncio.get_running_loop()
    for phase, work in (("startup", start), ("shutdown", stop)):
        await receive()
        try:
            await loop.run_in_executor(None, work)
        except Exception as fault:  # noqa: BLE001 - ASGI wants every failure told to the server
            _log.exception(f"{phase} failed")
            await send({"type": f"lifespan.{phase}.failed", "message": f"{type(fault).__name__}: {fault}"})
            return
        await send({"type": f"lifespan.{phase}.complete"})
