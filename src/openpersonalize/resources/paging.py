"""Pages of every List operation, and the tokens between them.

A token is opaque: the place to go on from, signed with the server's own key and bound to the operation, its filter and
the caller. Anything else is an InvalidNextTokenException.
"""

import base64
import hashlib
import hmac
from typing import TypeVar

import orjson

from openpersonalize.arns import Arn
from openpersonalize.errors import InvalidNextTokenException
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import Answer
from openpersonalize.resources.resource import Resource

R = TypeVar("R", bound=Resource)

DEFAULT = 100
_MAC_BYTES = 16


def listing(
    ctx: Context,
    kind: type[R],
    member: str,
    *,
    parent: str | None = None,
    parent_kind: str = "dataset-group",
    max_results: int | None = None,
    next_token: str | None = None,
    newest_first: bool = False,
) -> Answer:
    """One page of the caller's resources of `kind` under `member`, and `nextToken` unless it is the last."""
    if parent is not None:
        Arn.expect(parent, parent_kind)
    scope = f"{member}|{parent or ''}"
    after = read_token(ctx, scope, next_token)
    with ctx.metadata.reading() as tx:
        rows, following = tx.page(
            kind,
            ctx.caller.account,
            ctx.caller.region,
            parent=parent,
            after=after,
            limit=max_results or DEFAULT,
            newest_first=newest_first,
        )
    answer: Answer = {member: rows}
    if following is not None:
        answer["nextToken"] = write_token(ctx, scope, following)
    return answer


def write_token(ctx: Context, scope: str, place: int) -> str:
    """The token that goes on after `place` of the list named by `scope`."""
    payload = orjson.dumps(place)
    return base64.urlsafe_b64encode(_mac(ctx, scope, payload) + payload).decode()


def read_token(ctx: Context, scope: str, token: str | None) -> int | None:
    """The place a token stands for; raises InvalidNextTokenException for a token not given for this list."""
    if token is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except ValueError as fault:
        raise _foreign() from fault
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(ctx, scope, payload)):
        raise _foreign()
    place: int = orjson.loads(payload)
    return place


def _foreign() -> InvalidNextTokenException:
    return InvalidNextTokenException(
        "The nextToken is not valid for this operation, its filters and this caller; start again without one."
    )


def _mac(ctx: Context, scope: str, payload: bytes) -> bytes:
    key = ctx.metadata.secret("paging")
    bound = f"{ctx.caller.account}|{ctx.caller.region}|{scope}|".encode() + payload
    return hmac.digest(key, bound, hashlib.sha256)[:_MAC_BYTES]
