"""What every noun is: a record with an ARN, dates and mostly a status, that stands in one dataset group."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from openpersonalize.arns import Arn
from openpersonalize.errors import ResourceAlreadyExistsException, ResourceNotFoundException
from openpersonalize.resources.context import Context
from openpersonalize.storage.metadata import Reading, family


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A record as Describe and List tell it: its fields are the members of the output shape, in snake case.

    `noun` is the kind in the ARN. Maps and lists inside (configurations) keep the spelling of the wire, because
    Describe gives back exactly what was sent.
    """

    noun: ClassVar[str]
    creation_date_time: datetime
    last_updated_date_time: datetime

    if TYPE_CHECKING:  # a property here would become the default of the field in every noun that has a status

        @property
        def status(self) -> str | None:
            """Its state in Amazon's words."""
            ...

    @property
    def arn(self) -> str:
        """The resource's own ARN, in the member that the service model gives it."""
        arn: str = getattr(self, f"{self.noun.replace('-', '_')}_arn")
        return arn

    @property
    def parent(self) -> str | None:
        """The ARN by which the noun's List operation filters."""
        return self.group

    @property
    def group(self) -> str | None:
        """The dataset group it stands in."""
        return getattr(self, "dataset_group_arn", None)

    def but(self, now: datetime, **changes: Any) -> Self:
        """A copy with `changes`, updated now."""
        return replace(self, last_updated_date_time=now, **changes)


R = TypeVar("R", bound=Resource)


def words(kind: type[Resource]) -> str:
    """The noun as people say it.

    >>> class Tracker(Resource): noun = "event-tracker"
    >>> words(Tracker)
    'event tracker'
    """
    return kind.noun.replace("-", " ")


def find(ctx: Context, tx: Reading, kind: type[R], arn: str, *, kinds: tuple[str, ...] = ()) -> R | None:
    """The caller's resource of that ARN, or None; an ARN of another kind raises InvalidInputException.

    Another account's or region's resource counts as missing, so that its existence cannot be probed.
    """
    parsed = Arn.expect(arn, *(kinds or (kind.noun,)))
    if (parsed.account, parsed.region) != (ctx.caller.account, ctx.caller.region):
        return None
    return tx.find(kind, arn)


def get(ctx: Context, tx: Reading, kind: type[R], arn: str, *, kinds: tuple[str, ...] = ()) -> R:
    """The caller's resource of that ARN; raises ResourceNotFoundException in the words of Describe calls."""
    found = find(ctx, tx, kind, arn, kinds=kinds)
    if found is None:
        raise ResourceNotFoundException.arn(arn)
    return found


def require_free(tx: Reading, record: Resource) -> None:
    """The record's ARN must not be taken; raises ResourceAlreadyExistsException."""
    if family.exists(tx, record.arn):
        raise ResourceAlreadyExistsException.arn(record.arn)


def given(ctx: Context, tx: Reading, kind: type[R], arn: str) -> R:
    """As `get`, in the words of Delete and Update calls."""
    found = find(ctx, tx, kind, arn)
    if found is None:
        raise ResourceNotFoundException.given(words(kind), arn)
    return found
