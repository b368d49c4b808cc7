"""Every list that was served: remembered in memory for a second, in a SQL table for a minute, then in Delta tables."""

from openpersonalize.storage.served.lists import Group, ServedList
from openpersonalize.storage.served.store import Served

__all__ = ["Group", "Served", "ServedList"]
