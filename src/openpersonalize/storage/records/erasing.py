"""Taking users' rows out of a dataset, for good: first from the fast store, then from the table.

The order keeps a settling that runs meanwhile from bringing rows back: what it had read before it commits before the
table is cleaned. Rows of a session belong to the user whom an event tied it to, and to a user named like the session.
Files of earlier versions of the table go when it is tidied.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake.exceptions import CommitFailedError
from sqlalchemy.engine import Engine

from openpersonalize.avro import Schema
from openpersonalize.storage.records import stream
from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.names import SESSION
from openpersonalize.storage.records.settling import Settling
from openpersonalize.storage.records.snapshot import Snapshot
from openpersonalize.storage.records.table import Table, once

_TRIES = 20


@dataclass(frozen=True, kw_only=True)
class Erasing:
    """The users to take out of one dataset with a USER_ID; `token` names the job, so that a repeat tells the same."""

    engine: Engine
    table: Table
    dataset: Dataset
    schema: Schema
    user_ids: Sequence[str]
    token: str

    def run(self) -> int:
        """Erase; gives how many rows are gone."""
        settling = Settling(self.engine, self.table, self.dataset, self.schema)
        settling.run()
        sessions = self._sessions()
        waiting = stream.erase(self.engine, self.dataset, self.user_ids, sessions)
        settling.run()
        anonymous = 0
        if self.schema.key is None:
            anonymous = self._merge(f'target."USER_ID" IS NULL AND target."{SESSION}" = gone.id', sessions, "sessions")
        return waiting + anonymous + self._merge('target."USER_ID" = gone.id', self.user_ids, "users")

    def _sessions(self) -> list[str]:
        with Snapshot(self.table, self.dataset, self.schema) as snapshot:
            return sorted({*self.user_ids, *snapshot.sessions_of(self.user_ids)})

    def _merge(self, predicate: str, ids: Sequence[str], what: str) -> int:
        token = f"{self.token} {what}"
        for _ in range(_TRIES):
            table = self.table.open()
            if table is None:
                return 0
            if table.transaction_version(token) is not None:
                return next(_deleted(commit) for commit in table.history() if commit.get("token") == token)
            merger = table.merge(
                pa.table({"id": pa.array(ids, pa.string())}),
                predicate,
                source_alias="gone",
                target_alias="target",
                commit_properties=once(token, token=token),
            )
            try:
                return int(merger.when_matched_delete().execute()["num_target_rows_deleted"])
            except CommitFailedError:
                continue  # others wrote meanwhile: look again
        raise RuntimeError(f"{self.dataset.key} was written by others {_TRIES} times in a row.")


def _deleted(commit: dict[str, object]) -> int:
    metrics = commit["operationMetrics"]
    return int(metrics["num_target_rows_deleted"])  # type: ignore[index]
