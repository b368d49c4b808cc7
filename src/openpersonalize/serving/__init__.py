"""A fitted model and a request to ranked items: models kept in memory, history, candidates, scores."""

from openpersonalize.serving.actions import COLUMNS as ACTION_COLUMNS
from openpersonalize.serving.actions import last_met, rank_actions
from openpersonalize.serving.hiding import both, unseen
from openpersonalize.serving.history import history, seeded
from openpersonalize.serving.ranking import Promotion, Ranked, promote, rank, recommend

__all__ = [
    "ACTION_COLUMNS",
    "Promotion",
    "Ranked",
    "both",
    "history",
    "last_met",
    "promote",
    "rank",
    "rank_actions",
    "recommend",
    "seeded",
    "unseen",
]
