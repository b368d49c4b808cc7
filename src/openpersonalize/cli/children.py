"""Child processes that are kept alive: started anew when they end by themselves, stopped with their parent."""

import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from openpersonalize import logs

log = logs.get("serve")

_LOOK_SECONDS = 0.2
_SHORT_LIFE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass
class Child:
    """One program to keep running; it ends itself when its parent dies (see `jobs.child`)."""

    name: str
    command: Sequence[str]
    file_descriptors: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0

    def start(self) -> None:
        """Run the program."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, pass_fds=tuple(self.file_descriptors))  # noqa: S603  our own

    def revive(self) -> None:
        """Start the program again if it ended; one that keeps ending at once is given ever longer pauses."""
        if self.process is None or self.process.poll() is None:
            return
        lived = time.monotonic() - self.started
        self.pause = 0.0 if lived > _SHORT_LIFE_SECONDS else min(max(1.0, 2 * self.pause), _LONGEST_PAUSE_SECONDS)
        if lived >= self.pause:
            log.warning("child ended and is started again", child=self.name, status=self.process.returncode)
            self.start()


@dataclass
class Children:
    """The children of this process, watched by a thread."""

    members: Sequence[Child]
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start them all and the watch over them."""
        for child in self.members:
            child.start()
        threading.Thread(target=self._watch, name="children", daemon=True).start()

    def stop(self, patience_seconds: float) -> None:
        """Ask them all to end, wait, and kill those that take too long."""
        self._stop.set()
        running = [child.process for child in self.members if child.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for child in self.members:
                child.revive()
