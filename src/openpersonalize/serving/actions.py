"""Which actions a user may be shown now, and in which order: propensity, then value, then the newest.

Source: https://docs.aws.amazon.com/personalize/latest/dg/actions-datasets.html
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openpersonalize.expressions.columns import Numbers, Table
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History
from openpersonalize.serving.history import Streamed

COLUMNS = frozenset(
    {"VALUE", "CREATION_TIMESTAMP", "EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"}
)
"""What is read of the Actions dataset, as far as its schema has it."""

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class RankedAction:
    """An action of an answer, and how likely the user is to take it: 0 to 1, 0 where too little is known of it."""

    action_id: str
    score: float


def rank_actions(
    artefact: Artefact,
    actions: Table,
    scores: Floats,
    *,
    met: Mapping[str, int],
    now: int,
    k: int,
    allowed: Collection[str] | None = None,
) -> list[RankedAction]:
    """The best `k` actions of the table; those the model does not know have score 0.

    `met` tells when the user last had to do with an action, `now` and it are epoch seconds. Left out are expired
    actions, those met less than their REPEAT_FREQUENCY, in days, ago, and those that are not `allowed`.
    """
    ids, numbers = list(actions.rows), artefact.model.items.numbers
    known = np.array([numbers.get(action_id, -1) for action_id in ids], np.int64)
    chance = np.where(known >= 0, np.append(scores, 0.0)[known], 0.0)
    ago = now - np.array([met.get(action_id, -np.inf) for action_id in ids])
    expired = np.zeros(len(ids), bool)
    for name in ("EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP"):
        expired |= _column(actions, name, np.inf) <= now
    resting = ago < _column(actions, "REPEAT_FREQUENCY", 0.0) * _DAY_SECONDS
    out = expired | resting
    if allowed is not None:
        stays = frozenset(allowed)
        out |= np.array([action_id not in stays for action_id in ids], bool)
    value, made = _column(actions, "VALUE", 0.0), _column(actions, "CREATION_TIMESTAMP", 0.0)
    order = np.lexsort((np.arange(len(ids)), -made, -value, -chance))
    best = order[~out[order]][:k]
    return [RankedAction(ids[place], float(chance[place])) for place in best]


def last_met(artefact: Artefact, history: History, streamed: Sequence[Streamed]) -> dict[str, int]:
    """When the user last had to do with each action, the model's own and those that came later."""
    ids = artefact.model.items.ids
    met: dict[str, int] = {}
    trained = ((ids[item], int(time)) for item, time in zip(history.items, history.timestamps, strict=True))
    for action_id, time in (*trained, *((row.item_id or "", row.timestamp) for row in streamed)):
        met[action_id] = max(time, met.get(action_id, time))
    return met


def _column(actions: Table, name: str, missing: float) -> Floats:
    """A value per action, `missing` where there is none."""
    column = actions.columns.get(name)
    if not isinstance(column, Numbers):
        return np.full(len(actions.rows), missing)
    values: Floats = np.where(np.isnan(column.values), missing, column.values)[: len(actions.rows)]
    return values
