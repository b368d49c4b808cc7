"""`openpersonalize work`: a worker alone, beside the servers that share its data folder or database."""

import signal
import threading
from typing import Annotated

import typer

from openpersonalize import logs, settings
from openpersonalize.cli.options import DEFAULT_DATA_DIR, DataDir


def work(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    parent: Annotated[int | None, typer.Option(hidden=True, help="Process to die with.")] = None,
) -> None:
    """Run jobs until told to stop (SIGTERM, Ctrl-C)."""
    from openpersonalize import app
    from openpersonalize.jobs.child import die_with

    if parent is not None:
        die_with(parent)
    chosen = settings.load(data_dir)
    logs.configure(chosen.log_level, chosen.log_format)
    parts = app.open_parts(chosen)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        app.worker(parts).run(stop)
    finally:
        parts.close()
