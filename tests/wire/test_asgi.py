import asyncio

import pytest

from openpersonalize.errors import RequestEntityTooLargeException
from openpersonalize.wire import asgi
from openpersonalize.wire.messages import Reply


class Client:
    """The client's side of a connection: what it sends, and what it got."""

    def __init__(self, *messages: asgi.Message) -> None:
        self.messages = list(messages)
        self.got: list[asgi.Message] = []

    async def receive(self) -> asgi.Message:
        """Give the next message."""
        return self.messages.pop(0)

    async def send(self, message: asgi.Message) -> None:
        """Take a message of the answer."""
        self.got.append(message)


def part(body: bytes, *, more: bool) -> asgi.Message:
    return {"type": "http.request", "body": body, "more_body": more}


def body(client: Client, announced: str | None = None, most: int = 10) -> bytes:
    return asyncio.run(asgi.read_body(client.receive, announced, most))


def test_a_body_comes_in_parts() -> None:
    assert body(Client(part(b"ab", more=True), part(b"c", more=False)), "3") == b"abc"
    assert body(Client(part(b"x" * 10, more=False)), "nonsense") == b"x" * 10


def test_a_body_announced_too_large_is_not_read() -> None:
    client = Client(part(b"x" * 11, more=False))
    with pytest.raises(RequestEntityTooLargeException, match="larger than 10 bytes"):
        body(client, "11")
    assert len(client.messages) == 1


def test_a_body_that_grows_too_large_is_not_read_to_its_end() -> None:
    client = Client(*[part(b"x" * 6, more=True)] * 5)
    with pytest.raises(RequestEntityTooLargeException):
        body(client)
    assert len(client.messages) == 3


def test_a_client_may_leave_before_its_request_is_whole() -> None:
    with pytest.raises(asgi.DisconnectedError):
        body(Client(part(b"x", more=True), {"type": "http.disconnect"}))


def test_a_client_may_leave_before_its_answer() -> None:
    async def gone(_message: asgi.Message) -> None:
        raise BrokenPipeError

    asyncio.run(asgi.answer(gone, Reply(200, b"text/plain", b"x"), "r-1"))


def test_an_answer_carries_its_length_and_request_id_and_head_no_body() -> None:
    client = Client()
    asyncio.run(asgi.answer(client.send, Reply(200, b"text/plain", b"xyz"), "r-1", head=True))
    start, end = client.got
    assert dict(start["headers"])[b"content-length"] == b"3"
    assert dict(start["headers"])[b"x-amzn-requestid"] == b"r-1"
    assert end["body"] == b""


def test_the_server_learns_that_starting_failed_and_why() -> None:
    def fail() -> None:
        raise OSError("disk full")

    client = Client({"type": "lifespan.startup"})
    asyncio.run(asgi.live(client.receive, client.send, fail, fail))
    assert client.got == [{"type": "lifespan.startup.failed", "message": "OSError: disk full"}]


def test_start_and_stop_run_once_each() -> None:
    ran: list[str] = []
    client = Client({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    asyncio.run(asgi.live(client.receive, client.send, lambda: ran.append("start"), lambda: ran.append("stop")))
    assert ran == ["start", "stop"]
    assert [message["type"] for message in client.got] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
