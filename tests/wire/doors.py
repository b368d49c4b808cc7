"""A door with made-up operations behind it, for tests of the wire alone."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openpersonalize.clock import Clock, SystemClock
from openpersonalize.settings import Settings
from openpersonalize.wire.http import Door
from openpersonalize.wire.identity import Caller, Identity

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
ALICE = Identity("AKIAALICE", "alices-secret", "111122223333", "arn:aws:iam::111122223333:user/alice")
SESSION = Identity(
    "ASIASESSION",
    "sessions-secret",
    "111122223333",
    "arn:aws:sts::111122223333:assumed-role/reader/bob",
    token="a+session/token==",
    expires=datetime(2100, 1, 1, tzinfo=UTC),
)


def door(
    operations: Mapping[str, Callable[..., Any]],
    *identities: Identity,
    clock: Clock | None = None,
    ready: Callable[[], bool] = lambda: True,
    startup: Callable[[], None] = lambda: None,
    shutdown: Callable[[], None] = lambda: None,
    **settings: Any,
) -> Door:
    """A door that knows Alice, the session and `identities`; the context of an operation is its caller."""
    known = {identity.access_key_id: identity for identity in (ALICE, SESSION, *identities)}
    return Door(
        operations,
        _itself,
        known.get,
        clock or SystemClock(),
        Settings(data_dir=Path("/nonexistent"), **settings),
        ready=ready,
        startup=startup,
        shutdown=shutdown,
    )


def _itself(caller: Caller) -> Caller:
    return caller
