"""Updates of what goes on working meanwhile: what was asked for and how far it is, in a `latest…Update` member.

Such a block is kept as it is told on the wire, times in epoch seconds; it is there when the update call returns.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context

Update: TypeAlias = dict[str, Any]


def asked(ctx: Context, wanted: Mapping[str, Any], status: str = lifecycle.CREATE_PENDING) -> Update:
    """A new update to the configuration `wanted`, by its names on the wire."""
    now = ctx.now().timestamp()
    return {**wanted, "status": status, "creationDateTime": now, "lastUpdatedDateTime": now}


def moved(ctx: Context, update: Update | None, status: str, *, reason: str | None = None) -> Update:
    """The update in its next status; `reason` tells why it failed."""
    told = {} if reason is None else {"failureReason": reason}
    return {**(update or {}), "status": status, "lastUpdatedDateTime": ctx.now().timestamp(), **told}


def is_open(update: Update | None) -> bool:
    """Whether it waits or runs."""
    return update is not None and update["status"] in (*lifecycle.OPEN, *lifecycle.UPDATING)
