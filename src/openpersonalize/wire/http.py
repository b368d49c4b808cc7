"""The door: an ASGI application in front of plain functions.

A call goes through the steps of `_steps` and `_perform`, read top to bottom: route, read the body, then in a thread
authenticate, decode, parse, run the operation, write. Whatever a step raises becomes an answer in `faults`.
"""

import os
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from openpersonalize import logs, telemetry
from openpersonalize.clock import Clock
from openpersonalize.settings import Settings
from openpersonalize.wire import asgi, faults, routes
from openpersonalize.wire.authentication import Authentication
from openpersonalize.wire.identity import Caller, Identity
from openpersonalize.wire.messages import Reply, Request, headers_of
from openpersonalize.wire.operation import Operation
from openpersonalize.wire.protocols import REST_JSON, Form
from openpersonalize.wire.threads import Threads

_log = logs.get("wire")

Observe = Callable[[str, Caller, Mapping[str, Any], int, float], None]


@dataclass
class _Call:
    """What is known of a call so far, for its answer and its line in the log."""

    request_id: str
    started: float
    source: str | None
    protocol: Form = REST_JSON
    operation: Operation | None = None
    caller: Caller | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether it is one of the calls of events and recommendations."""
        return self.operation is not None and self.operation.rest

    def written(self, answer: Any) -> Reply:
        """The reply that carries the operation's answer."""
        if self.operation is None:
            raise RuntimeError("an answer came before an operation was found")
        return self.protocol.write(self.operation, answer, self.request_id)


class Door:
    """All operations behind one port, as an ASGI application.

    `operations` are functions by the operation's key (`wire.operation`), called with `context(caller)` and the members
    of the input as keyword arguments; they may be missing (501). Their answer is a mapping by wire names, None, or a
    `concurrent.futures.Future` of one, which is awaited without holding a thread. `lookup` finds an identity by access
    key. `ready` is asked by GET /healthz on the event loop and must not block. `startup` and `shutdown` run once, in a
    thread, before the first call and after the last. `observe(key, caller, arguments, status, seconds)` hears of every
    answered call of events and recommendations whose caller is known, on the event loop.
    """

    def __init__(
        self,
        operations: Mapping[str, Callable[..., Any]],
        context: Callable[[Caller], Any],
        lookup: Callable[[str], Identity | None],
        clock: Clock,
        settings: Settings,
        *,
        ready: Callable[[], bool],
        startup: Callable[[], None] = lambda: None,
        shutdown: Callable[[], None] = lambda: None,
        observe: Observe = lambda _operation, _caller, _arguments, _status, _seconds: None,
    ) -> None:
        self._operations = operations
        self._context = context
        self._authentication = Authentication(settings, lookup, clock)
        self._most_bytes = settings.max_body_bytes
        self._ready = ready
        self._startup, self._shutdown = startup, shutdown
        self._observe = observe
        self._routes = routes.load()
        self._threads = Threads(settings.threads, "operation")
        # Calls of events and recommendations compute more than they wait. More threads than cores only take the
        # interpreter's lock from each other: 16 threads on 2 cores answer half as many calls as 2 do.
        busy = settings.runtime_threads or os.cpu_count() or 1
        self._busy_threads = Threads(busy, "runtime")

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one ASGI connection scope: `http` or `lifespan`."""
        if scope["type"] == "lifespan":
            await asgi.live(receive, send, self._startup, self._stop)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            raise ValueError(f"this application does not speak {scope['type']}")

    async def _serve(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        request_id = str(uuid.uuid4())
        try:
            reply = await self._page(scope) or await self._answer(scope, receive, request_id)
        except asgi.DisconnectedError:
            _log.debug("client gone before its request was whole", request_id=request_id)
        else:
            await asgi.answer(send, reply, request_id, head=scope["method"] == "HEAD")

    async def _page(self, scope: asgi.Scope) -> Reply | None:
        """The two pages for operators, unsigned; None for everything else."""
        if scope["method"] not in ("GET", "HEAD"):
            return None
        if scope["path"] == "/healthz":
            ready = self._ready()
            text = b'{"status":"ok"}' if ready else b'{"status":"starting"}'
            return Reply(200 if ready else 503, b"application/json", text)
        if scope["path"] == "/metrics":
            text = await self._threads.run(telemetry.exposition)
            return Reply(200, telemetry.CONTENT_TYPE.encode(), text)
        return None

    async def _answer(self, scope: asgi.Scope, receive: asgi.Receive, request_id: str) -> Reply:
        headers = headers_of(scope["headers"])
        client = scope.get("client")
        call = _Call(request_id, time.perf_counter(), client and client[0])
        try:
            reply = await self._steps(call, scope, headers, receive)
        except asgi.DisconnectedError:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller gets an answer
            reply = faults.reply(fault, operation=call.operation, protocol=call.protocol, request_id=request_id)
        seconds = time.perf_counter() - call.started
        _note(call, reply, seconds)
        if call.operation is not None and call.operation.rest and call.caller is not None:
            self._observe(call.operation.key, call.caller, call.arguments, reply.status, seconds)
        return reply

    async def _steps(
        self, call: _Call, scope: asgi.Scope, headers: Mapping[str, list[str]], receive: asgi.Receive
    ) -> Reply:
        path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        call.protocol, call.operation = self._routes.head(scope["method"], path, headers)
        body = await asgi.read_body(receive, headers.get("content-length", [None])[0], self._most_bytes)
        request = Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)
        threads = self._busy_threads if call.busy else self._threads
        outcome = await threads.run(self._perform, call, request)
        return outcome if isinstance(outcome, Reply) else call.written(outcome)

    def _perform(self, call: _Call, request: Request) -> Reply | Future[Any]:
        operation = call.operation or self._routes.body(request, call.protocol)
        call.operation = operation
        call.caller = caller = self._authentication.caller(request, call.request_id, operation.signing)
        function = self._operations.get(operation.key)
        if function is None:
            raise faults.not_implemented(operation)
        arguments = call.protocol.read(operation, request.body)
        call.arguments = arguments
        answer = function(self._context(caller), **arguments)
        return answer if isinstance(answer, Future) else call.written(answer)

    def _stop(self) -> None:
        self._threads.close()
        self._busy_threads.close()
        self._shutdown()


def _note(call: _Call, reply: Reply, seconds: float) -> None:
    """Count the call and write its line: who asked what, and what became of it; never a value that was sent or shown.

    ARNs are the exception, because an audit without them is none. The busy operations of events and recommendations
    are told at debug level while they succeed.
    """
    name = call.operation.name if call.operation else "Unknown"
    telemetry.count_request(name, reply.code, seconds)
    write = _log.debug if call.busy and reply.code == "OK" else _log.info
    caller = call.caller
    write(
        "call",
        operation=name,
        status=reply.status,
        code=reply.code,
        ms=round(seconds * 1000, 3),
        request_id=call.request_id,
        account=caller and caller.account,
        region=caller and caller.region,
        principal=caller and caller.principal_arn,
        source=call.source,
        resources=tuple(value for name, value in call.arguments.items() if name.endswith("_arn")),
    )
