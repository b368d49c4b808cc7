"""Stored records to a fitted model and its offline metrics: read, split, fit, evaluate."""

from openpersonalize.training.fit import Order, Trained, train, workspace

__all__ = ["Order", "Trained", "train", "workspace"]
