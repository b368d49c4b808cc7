"""Items that a use case leaves out by itself: those that the user has bought, or watched, already.

Source: https://docs.aws.amazon.com/personalize/latest/dg/domain-use-cases.html
"""

from collections.abc import Iterable, Sequence

import numpy as np

from openpersonalize.expressions.columns import Bools
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.serving.history import Streamed
from openpersonalize.serving.imported import Event


def unseen(
    artefact: Artefact,
    user_id: str,
    streamed: Sequence[Streamed],
    imported: Iterable[Event],
    *,
    event_type: str,
    most: int,
) -> Bools | None:
    """For each item of the model whether the user has no event of that type, in any case, on it; None: all are so.

    `streamed` and `imported` are what came since the training. Only the newest `most` events of the type hide an item.
    """
    wanted, numbers = event_type.lower(), artefact.model.items.numbers
    events = {
        (row.timestamp, numbers[row.item_id])
        for row in streamed
        if row.item_id in numbers and (row.event_type or "").lower() == wanted
    }
    events.update(
        (time, numbers[item_id]) for time, item_id, kind in imported if item_id in numbers and kind.lower() == wanted
    )
    trained, types = artefact.did(user_id)
    own = np.isin(trained.event_types, [number for number, name in enumerate(types.ids) if name.lower() == wanted])
    events.update(zip(trained.timestamps[own].tolist(), trained.items[own].tolist(), strict=True))
    if not events:
        return None
    left = np.ones(len(numbers), bool)
    left[[item for _, item in sorted(events, reverse=True)[:most]]] = False
    return left


def both(first: Bools | None, second: Bools | None) -> Bools | None:
    """What both masks let stay; None lets everything stay."""
    if first is None or second is None:
        return first if second is None else second
    kept: Bools = first & second
    return kept
