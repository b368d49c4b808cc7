"""Served lists: what was answered, for reports and for people who open the tables.

    remember ─► Recorder (memory, a second) ─► blobs (SQL, until `settle`) ─► Delta table of the dataset group

A serving process that is killed loses the lists of at most the last second, and nothing after they are in SQL.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine

from openpersonalize.storage.served import blobs
from openpersonalize.storage.served.lists import Group, ServedList
from openpersonalize.storage.served.recorder import Recorder

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from openpersonalize.storage.served.table import Table

FOLDER = "recommendations"
READERS_HOURS = 168
"""How long the files of a replaced version stay, for a report that still reads them."""


@dataclass(frozen=True)
class Served:
    """The lists of all groups, for any number of threads and processes."""

    root: Path
    engine: Engine
    recorder: Recorder

    @classmethod
    def open(cls, root: Path, engine: Engine) -> "Served":
        """Tables below the folder `root`, beside those of the datasets; lists that are not settled in `engine`."""
        blobs.migrate(engine)
        return cls(root, engine, Recorder(partial(blobs.insert, engine)))

    def close(self) -> None:
        """Write what this process remembers; the database stays open, it belongs to others too."""
        self.recorder.close()

    def remember(self, one: ServedList) -> None:
        """Keep a list that was just served; costs a request a few microseconds and never waits."""
        self.recorder.add(one)

    def waiting(self, group: Group) -> bool:
        """Whether lists are in the database that `settle` has not moved yet."""
        return blobs.waiting(self.engine, group)

    def settle(self, group: Group) -> int:
        """Move lists into the group's table, each once, whoever does it at the same time or is killed.

        Those that this process remembers come along. Gives how many lists this call moved.
        """
        from openpersonalize.storage.served.settling import Settling

        self.recorder.flush()
        return Settling(self.engine, self._table(group), group).run()

    def table(self, group: Group) -> "DeltaTable | None":
        """The settled lists, at the newest version; None while there are none."""
        return self._table(group).open()

    def erase(self, group: Group, user_ids: Sequence[str]) -> int:
        """Take out every list of these users that is in the database or the table now; gives how many."""
        self.settle(group)
        return self._table(group).erase(user_ids)

    def forget(self, group: Group, before: int) -> int:
        """Delete settled lists that were served before a time (epoch seconds); gives how many."""
        return self._table(group).forget(before)

    def tidy(self, group: Group, readers_hours: int = READERS_HOURS) -> None:
        """Join small files, and delete those that no version needs and no reader younger than that can hold."""
        self._table(group).tidy(readers_hours)

    def drop(self, group: Group) -> None:
        """Forget every list of a group."""
        self.recorder.flush()
        blobs.drop(self.engine, group)
        if (folder := self._folder(group)).exists():
            shutil.rmtree(folder)

    def _folder(self, group: Group) -> Path:
        return self.root / group.key / FOLDER

    def _table(self, group: Group) -> "Table":
        from openpersonalize.storage.served.table import Table

        return Table(self._folder(group))
