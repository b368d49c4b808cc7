"""What a model thinks of every item for a history, kept for a while: people open more pages than they click.

Between two events of a user the history stays as it is, and so does the answer to it. A home page asks for several
lists, a ranking follows a recommendation: each after the first costs a look-up here instead of a pass of the encoder.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History


class Scores:
    """Scores of the whole catalogue by model and history, the least recently used let go; for any number of threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[Hashable, Floats] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, version_arn: str, artefact: Artefact, history: History) -> Floats:
        """Logits of all items of `artefact`, the model of a solution version, [items]; not to be written to.

        A model sees items and event types in their order, not the seconds between them, so these are the key.
        """
        key = (version_arn, history.items.tobytes(), history.event_types.tobytes())
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        scores = artefact.model.score(history, artefact.everything)
        scores.flags.writeable = False
        self._keep(key, scores)
        return scores

    def _keep(self, key: Hashable, scores: Floats) -> None:
        with self._lock:
            if key not in self._known:
                self._known[key] = scores
                self._bytes += scores.nbytes
            while self._bytes > self._most_bytes:
                _, dropped = self._known.popitem(last=False)
                self._bytes -= dropped.nbytes
