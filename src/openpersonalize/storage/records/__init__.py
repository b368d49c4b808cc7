"""Interactions, items and users: Delta Lake tables for what is settled, a SQL table for what just streamed in."""

from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.store import Records
from openpersonalize.storage.records.stream import StreamRow
from openpersonalize.storage.records.table import Statistics

__all__ = ["Dataset", "Records", "Statistics", "StreamRow"]
