"""What a user did: the events a model was trained on, and those that streamed in since."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import History

MOST_EVENTS = 200


class Streamed(Protocol):
    """An event as the store of records gives it back."""

    @property
    def item_id(self) -> str | None:
        """What it was about."""
        ...

    @property
    def event_type(self) -> str | None:
        """What was done."""
        ...

    @property
    def timestamp(self) -> int:
        """When, in epoch seconds."""
        ...


def seeded(artefact: Artefact, item_id: str) -> tuple[int | None, History]:
    """The number of a seed item, None where the model does not know it, and a history of it alone."""
    seed = artefact.model.items.numbers.get(item_id)
    return seed, History.empty() if seed is None else History.of([seed])


def history(artefact: Artefact, user_id: str, streamed: Sequence[Streamed]) -> History:
    """The newest events of a user on items the model knows, oldest first.

    A streamed event that the training had seen already counts once: same time, same item, same type.
    """
    trained = artefact.history(user_id)
    if not streamed:
        return trained if trained is not None else History.empty()
    events = [] if trained is None else list(zip(trained.timestamps, trained.items, trained.event_types, strict=True))
    seen = set(events)
    items, types = artefact.model.items.numbers, artefact.event_types.numbers
    for row in streamed:
        item = items.get(row.item_id or "")
        event = (row.timestamp, item, types.get(row.event_type or "", -1))
        if item is not None and event not in seen:
            seen.add(event)
            events.append(event)
    events.sort(key=lambda event: event[0])
    if not events:
        return History.empty()
    timestamps, numbers, kinds = (np.asarray(column, np.int64) for column in zip(*events[-MOST_EVENTS:], strict=True))
    return History(numbers, kinds, timestamps)
