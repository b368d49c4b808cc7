"""What a model must beat: popularity, a Markov window, item neighbours, and EASE on sets and on decayed histories.

Each is fitted on the same training events as the model and answers with a score for every item.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from openpersonalize.recipes.data import Floats, Ints, TrainingData
from openpersonalize.recipes.models.cooccurrence import EASE_DECAY, Ease, Markov

Answer = Callable[[Sequence[Ints]], Floats]
NEIGHBOURS = 100
COSINE_SHRINKAGE = 10.0
MOST_ITEMS = 10_000
"""For the baselines that keep a matrix of items x items."""


@dataclass(frozen=True)
class Baseline:
    """`answer` takes the items of B histories and gives scores [B, items]; `seconds` is the time to fit."""

    name: str
    answer: Answer
    seconds: float


def fitted(data: TrainingData) -> Iterator[Baseline]:
    """All baselines that the number of items allows, one after the other."""
    makers: dict[str, Callable[[TrainingData], Answer]] = {"popularity": _popularity, "Markov window": _markov}
    if len(data.items) <= MOST_ITEMS:
        makers |= {"item kNN, cosine": _neighbours, "EASE": _ease, "EASE, decay .9": _decayed_ease}
    for name, make in makers.items():
        started = time.perf_counter()
        answer = make(data)
        yield Baseline(name, answer, time.perf_counter() - started)


def _popularity(data: TrainingData) -> Answer:
    counts = data.counts.astype(np.float32)
    return lambda histories: np.tile(counts, (len(histories), 1))


def _markov(data: TrainingData) -> Answer:
    markov = Markov.count(data)
    return lambda histories: np.stack([markov.answer(items) for items in histories])


def _neighbours(data: TrainingData) -> Answer:
    seen = _matrix([data.history(user).items for user in range(len(data.users))], len(data.items), 1.0)
    together = (seen.T @ seen).toarray()
    norms = np.sqrt(np.diag(together) + 1e-9)
    alike = together / (norms[:, None] * norms + COSINE_SHRINKAGE)
    np.fill_diagonal(alike, 0.0)
    nearest = np.partition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
    kept = np.where(alike >= nearest, alike, 0.0)
    return lambda histories: _matrix(histories, len(kept), 1.0) @ kept


def _ease(data: TrainingData) -> Answer:
    weights = Ease.solve(data).weights
    return lambda histories: _matrix(histories, len(weights), 1.0) @ weights


def _decayed_ease(data: TrainingData) -> Answer:
    weights = Ease.solve(data).weights
    return lambda histories: _matrix(histories, len(weights), EASE_DECAY) @ weights


def _matrix(histories: Sequence[Ints], items: int, decay: float) -> Any:
    """[histories, items]; an event weighs `decay` to the power of the events after it. Decay 1 makes sets."""
    weights = np.concatenate([decay ** np.arange(len(own) - 1, -1, -1) for own in histories])
    rows = np.repeat(np.arange(len(histories)), [len(own) for own in histories])
    made = sparse.csr_matrix((weights.astype(np.float32), (rows, np.concatenate(histories))), (len(histories), items))
    if decay == 1.0:
        made.data[:] = 1.0
    return made
