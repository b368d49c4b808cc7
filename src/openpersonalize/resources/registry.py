"""The list of what the API can do: an operation is a function named like it, a job a function with a name.

Importing a noun's module registers its functions; `openpersonalize.resources.nouns` imports them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from openpersonalize.jobs import Task
from openpersonalize.resources.context import Context
from openpersonalize.storage.metadata import Transaction

Answer: TypeAlias = dict[str, Any]
"""Members of the output shape, spelled as on the wire; values may be records."""

Body: TypeAlias = Callable[[Context, Task], None]
Ending: TypeAlias = Callable[[Context, Transaction, str, str], None]


@dataclass(frozen=True)
class Job:
    """What a worker runs for rows of one kind.

    `failed(ctx, tx, subject, reason)` and `stopped(ctx, tx, subject, reason)` write the resource's last status in the
    transaction that ends the row. An `inline` body is a status step of short transactions and runs in the worker
    itself; any other runs in a process of its own.
    """

    body: Body
    failed: Ending
    stopped: Ending
    inline: bool


OPERATIONS: dict[str, Callable[..., Any]] = {}
JOBS: dict[str, Job] = {}
BEFORE_METRICS: list[Callable[[Context], None]] = []

F = Callable[..., Any]


def operation(function: F) -> F:
    """Make a function answer the operation of its name; its keyword arguments are the members of the input shape."""
    OPERATIONS[function.__name__] = function
    return function


def operation_of(service: str) -> Callable[[F], F]:
    """The same for a service beside Amazon Personalize, which may have names in common with it."""

    def register(function: F) -> F:
        OPERATIONS[f"{service}.{function.__name__}"] = function
        return function

    return register


def before_metrics(function: Callable[[Context], None]) -> Callable[[Context], None]:
    """Let a function run before metrics are read, so that it can count what waits to be counted."""
    BEFORE_METRICS.append(function)
    return function


def job(kind: str, *, failed: Ending, stopped: Ending | None = None, inline: bool = False) -> Callable[[Body], Body]:
    """Make a function the body of jobs of `kind`."""

    def register(body: Body) -> Body:
        JOBS[kind] = Job(body, failed, stopped or failed, inline)
        return body

    return register
