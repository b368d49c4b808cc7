"""How far a long piece of work is, told often enough to be stopped, seldom enough to cost nothing."""

import time
from collections.abc import Callable

_SECONDS = 0.5
_MOST = 0.99


class Meter:
    """Counts bytes and rows, and tells `progress(share, text)` twice a second; what that raises stops the work.

    `read` may be raised by another thread; only `tick` calls back.
    """

    def __init__(self, total: int, progress: Callable[[float, str], None]) -> None:
        self.read = 0
        self.rows = 0
        self._total = max(total, 1)
        self._progress = progress
        self._due = 0.0

    def tick(self) -> None:
        """Tell, if it is time to."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _SECONDS
            self._progress(min(_MOST, self.read / self._total), f"{self.rows:,} rows")
