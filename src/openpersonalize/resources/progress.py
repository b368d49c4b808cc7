"""How far a job is: told in a header of Describe answers, where clients that do not know of it see nothing.

Amazon's shapes have no member for it. With boto3 it stands in `answer["ResponseMetadata"]["HTTPHeaders"]`, under
`x-openpersonalize-progress`.
"""

from typing import TypeVar

from openpersonalize.jobs.queue import RUNNING
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import Answer
from openpersonalize.resources.resource import Resource, get
from openpersonalize.wire.messages import Told

R = TypeVar("R", bound=Resource)

HEADER = "x-openpersonalize-progress"


def described(ctx: Context, kind: type[R], member: str, arn: str, *, kinds: tuple[str, ...] = ()) -> Answer:
    """The resource under `member`; the answer carries the share done and a few words while its job runs."""
    with ctx.metadata.reading() as tx:
        record = get(ctx, tx, kind, arn, kinds=kinds)
        newest = ctx.queue.latest(tx.connection, arn)
    if newest is None or newest.state != RUNNING:
        return {member: record}
    headers = {HEADER: f"{newest.progress:.3f} {newest.message}"}
    return Told({member: record}, headers=headers)
