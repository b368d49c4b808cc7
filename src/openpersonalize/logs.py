"""Structured logs: one event a line, JSON for machines, colours for people.

Members that Amazon's model marks as sensitive (user and item ids, properties, filter values) are never logged.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Let a module seem to be missing, unless it is there already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


# It would import rich for its traces, with everything that rich needs: two thirds of its time, at the start of every
# process. And those traces show the values of variables.
with _without("rich"):
    import structlog


def configure(level: str, form: str) -> None:
    """Set the process's log output; `form` is auto, json or text. Logs go to standard error."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if text
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    traces: list[structlog.typing.Processor] = [] if text else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *traces, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(room: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that says which room speaks."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
