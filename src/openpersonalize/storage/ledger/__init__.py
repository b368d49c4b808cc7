"""The ledger of attribution: what was counted, so that nothing is counted twice or forgotten."""

from openpersonalize.storage.ledger.store import Ledger

__all__ = ["Ledger"]
