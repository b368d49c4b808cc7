"""Resources, their tags, jobs, schedules, credentials and secrets: one SQL database.

Follow `store` for opening and transactions, `transaction` for what these can do, `documents` for how a record is
written. The tables of jobs and schedules stand here, so that a record and its job are one commit; the jobs room fills
them.
"""

from openpersonalize.storage.metadata.record import Record
from openpersonalize.storage.metadata.store import Metadata
from openpersonalize.storage.metadata.transaction import Reading, Transaction

__all__ = ["Metadata", "Reading", "Record", "Transaction"]
