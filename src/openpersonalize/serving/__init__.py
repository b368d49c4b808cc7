"""A fitted model and a request to ranked items: models kept in memory, history, candidates, scores."""

from openpersonalize.serving.hiding import both, unseen
from openpersonalize.serving.history import history, seeded
from openpersonalize.serving.ranking import Ranked, rank, recommend, related

__all__ = ["Ranked", "both", "history", "rank", "recommend", "related", "seeded", "unseen"]
