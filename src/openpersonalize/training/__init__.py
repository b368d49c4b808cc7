"""Stored records to a fitted model and its offline metrics: read, split, fit, evaluate."""

from openpersonalize.training.events import Limits
from openpersonalize.training.fit import Order, Trained, train, workspace
from openpersonalize.training.twins import is_twin, take_over

__all__ = ["Limits", "Order", "Trained", "is_twin", "take_over", "train", "workspace"]
