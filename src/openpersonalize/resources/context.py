"""What operations and job bodies may use: settings, time, randomness, stores and the caller, all passed in."""

import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from openpersonalize.arns import Arn
from openpersonalize.clock import Clock
from openpersonalize.expressions.columns import Table
from openpersonalize.jobs.queue import Queue
from openpersonalize.resources.calls import Calls
from openpersonalize.serving.catalogues import Catalogues
from openpersonalize.serving.descriptions import Descriptions
from openpersonalize.serving.filtering import Filtering
from openpersonalize.serving.imported import Imported
from openpersonalize.serving.models import Models
from openpersonalize.serving.scores import Scores
from openpersonalize.settings import Settings
from openpersonalize.storage.ledger import Ledger
from openpersonalize.storage.metadata import Metadata, Transaction
from openpersonalize.storage.objects import Objects
from openpersonalize.storage.points import Points
from openpersonalize.storage.rates import Rates
from openpersonalize.storage.records import Records
from openpersonalize.storage.served import Served
from openpersonalize.wire.identity import Caller

T = TypeVar("T")

FRESH = timedelta(seconds=1)
"""How old a remembered lookup of the runtime may be; another process's change is seen within this time."""


class Recent:
    """Lookups of the runtime, remembered for a second; forgotten at once when this process writes."""

    def __init__(self, clock: Clock, fresh: timedelta = FRESH) -> None:
        self._clock = clock
        self._fresh = fresh
        self._known: dict[Hashable, tuple[datetime, Any]] = {}

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """The value of `key`, at most a second old."""
        now = self._clock.now()
        known = self._known.get(key)
        if known is not None and now - known[0] < self._fresh:
            value: T = known[1]
            return value
        value = load()
        self._known[key] = (now, value)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._known = {}


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything an operation may lean on, for one caller."""

    settings: Settings
    clock: Clock
    random: random.Random
    metadata: Metadata
    records: Records
    points: Points
    ledger: Ledger
    served: Served
    objects: Objects
    artefacts: Objects
    queue: Queue
    models: Models
    scores: Scores
    catalogues: Catalogues[Table]
    descriptions: Catalogues[Descriptions]
    imported: Catalogues[Imported]
    filtering: Filtering
    recent: Recent
    rates: Rates
    calls: Calls
    caller: Caller

    def for_caller(self, caller: Caller) -> "Context":
        """The same stores for somebody else."""
        return replace(self, caller=caller)

    def now(self) -> datetime:
        """The current time."""
        return self.clock.now()

    def arn(self, noun: str, tail: str) -> str:
        """The ARN of a resource of the caller's account and region."""
        return str(Arn(region=self.caller.region, account=self.caller.account, kind=noun, tail=tail))

    def hexadecimal(self, digits: int) -> str:
        """Random lower-case hex digits, such as those of a solution version's id."""
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A write transaction; what the runtime remembers is forgotten with its commit."""
        with self.metadata.transaction() as tx:
            yield tx
        self.recent.clear()
