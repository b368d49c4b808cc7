"""`openpersonalize serve`: the server, its workers and, if asked for, more serving processes, in one command."""

import os
import signal
import socket
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from openpersonalize import __version__, logs, settings
from openpersonalize.cli import credentials
from openpersonalize.cli.children import Child, Children
from openpersonalize.cli.options import DEFAULT_DATA_DIR, DataDir
from openpersonalize.settings import Settings

if TYPE_CHECKING:
    from openpersonalize.app import Parts

GRACE_SECONDS = 5
SWITCH_SECONDS = 0.0005
BACKLOG = 2048


def serve(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    processes: Annotated[int | None, typer.Option(help="Serving processes that share the port.")] = None,
    *,
    jobs: Annotated[
        bool, typer.Option(help="Run jobs here too; without, start `openpersonalize work` elsewhere.")
    ] = True,
) -> None:
    """Answer Amazon Personalize's three clients on one port, and run their jobs."""
    chosen = settings.load(data_dir, {"host": host, "port": port, "processes": processes})
    logs.configure(chosen.log_level, chosen.log_format)
    with TemporaryDirectory(prefix="openpersonalize-metrics-") as shared:
        # All processes count here, and `telemetry` must find the folder named when it is imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        # Requests are the parallelism: numpy's own threads would wait for each other in every one of them.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        _serve(chosen, jobs=jobs)


def _serve(chosen: Settings, *, jobs: bool) -> None:
    from openpersonalize import app

    parts = app.open_parts(chosen)
    credentials.ensure(parts.context)
    listener = _listen(chosen)
    children = Children(_children(chosen, listener, jobs=jobs))
    children.start()
    address, bound = listener.getsockname()[:2]
    typer.echo(
        f"openpersonalize {__version__} listens on http://{address}:{bound}\n"
        f"  credentials  {chosen.credentials_file}, profile [{credentials.PROFILE}]\n"
        f"  s3://        {parts.context.objects.place}"
    )
    try:
        _answer(parts, listener)
    finally:
        children.stop(GRACE_SECONDS + chosen.job_patience_seconds)


def door(
    descriptor: Annotated[int, typer.Argument(metavar="FD", help="The listening socket, inherited.")],
    parent: Annotated[int, typer.Option(help="Process to die with.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """One more serving process on the socket of its parent."""
    from openpersonalize import app
    from openpersonalize.jobs.child import die_with

    die_with(parent)
    chosen = settings.load(data_dir)
    logs.configure(chosen.log_level, chosen.log_format)
    _answer(app.open_parts(chosen), socket.socket(fileno=descriptor))


def _listen(chosen: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((chosen.host, chosen.port))
    except OSError as fault:
        typer.echo(f"openpersonalize: cannot listen on {chosen.host}:{chosen.port}: {fault.strerror}", err=True)
        raise typer.Exit(1) from fault
    listener.set_inheritable(True)
    return listener


def _children(chosen: Settings, listener: socket.socket, *, jobs: bool) -> list[Child]:
    program = [sys.executable, "-m", "openpersonalize"]
    common = ["--data-dir", str(chosen.data_dir), "--parent", str(os.getpid())]
    doors = [
        Child(f"door {number}", [*program, "door", str(listener.fileno()), *common], [listener.fileno()])
        for number in range(2, chosen.processes + 1)
    ]
    return [*doors, *([Child("worker", [*program, "work", *common])] if jobs else [])]


def _answer(parts: "Parts", listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; calls in flight are answered first."""
    import uvicorn

    from openpersonalize import app

    # Under load a thread that computes may keep the interpreter for this long while the event loop wants it; a tenth of
    # Python's own interval answers a fifth more calls, and the slowest of them twice as fast.
    sys.setswitchinterval(SWITCH_SECONDS)
    config = uvicorn.Config(
        app.serving_app(parts),
        loop="uvloop",
        http="httptools",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws="none",
        proxy_headers=False,
    )
    # uvicorn ends its work at a signal and then raises the signal again; by then we are leaving anyway.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    uvicorn.Server(config).run(sockets=[listener])
