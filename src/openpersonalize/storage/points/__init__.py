"""Metric points: what was counted when, under a name and dimensions, as CloudWatch keeps it."""

from openpersonalize.storage.points.point import LARGEST, Dimensions, Point, Series, total
from openpersonalize.storage.points.store import Points

__all__ = ["LARGEST", "Dimensions", "Point", "Points", "Series", "total"]
