"""How big a model and how long a training the data deserve: a table over the number of events and items.

The plan is made from sizes alone, so same data, same plan; only a measured speed that breaks the time budget cuts it,
and that is written down in it. It is stored with the model.
"""

from dataclasses import dataclass, replace

import numpy as np

from openpersonalize.recipes.data import TrainingData

LONGEST_WINDOW = 200
FULL_SOFTMAX, FEW_NEGATIVES_UP_TO = 5_000, 50_000
"""Items up to which the loss is over all of them: a sample is a fifth faster and a tenth worse."""
FEW_NEGATIVES, NEGATIVES = 2048, 8192
SMALL, MEDIUM, LARGE = 300_000, 3_000_000, 30_000_000
"""Events up to which a row of the table holds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All choices of one training.

    `tokens` is the number of events per step, `window` the longest history the encoder sees. `cut` is the share of the
    planned events that the time budget allowed, 1.0 where it did not bind. `negatives` is the number of items that are
    drawn for the loss of a step, 0 for all of them.
    """

    width: int
    heads: int
    layers: int
    window: int
    tokens: int
    epochs: float
    dropout: float
    negatives: int = 0
    id_dropout: float = 0.1
    table_rate: float = 5e-3
    matrix_rate: float = 0.02
    decay: float = 0.01
    threads: int = 1
    bfloat16: bool = False
    seed: int = 1
    cut: float = 1.0


def plan(data: TrainingData) -> Plan:
    """The plan for this data, for any machine."""
    items = int((data.counts > 0).sum())
    return replace(_row(data, items), negatives=_negatives(items))


def _row(data: TrainingData, items: int) -> Plan:
    events = max(1, int(np.maximum(data.lengths - 1, 0).sum()))
    window = window_for(data)
    if events < SMALL:
        return Plan(
            width=64,
            heads=1,
            layers=2,
            window=window,
            tokens=int(np.clip(events / 60, 512, 3200)),
            epochs=float(np.clip(4e5 / events, 4, 40) if _negatives(items) else np.clip(6e5 / events, 6, 40)),
            dropout=0.4 if events < 20 * items else 0.3,
        )
    if events < MEDIUM:
        epochs = float(np.clip(6e6 / events, 3, 12))
        return Plan(width=128, heads=2, layers=2, window=window, tokens=6400, epochs=epochs, dropout=0.15)
    if events < LARGE:
        return Plan(width=128, heads=2, layers=2, window=window, tokens=12_800, epochs=2.5, dropout=0.1)
    return Plan(width=128, heads=2, layers=3, window=window, tokens=25_600, epochs=1.0, dropout=0.05)


def _negatives(items: int) -> int:
    """0 for a softmax over all items.

    9,066 items, 100,000 events: with 2,048 negatives and those of the step itself an epoch takes half the time, and
    NDCG@25 on held-out events is a tenth lower (`benchmarks/LOG.md`).
    """
    if items <= FULL_SOFTMAX:
        return 0
    return FEW_NEGATIVES if items <= FEW_NEGATIVES_UP_TO else NEGATIVES


def window_for(data: TrainingData) -> int:
    """The 95 % quantile of history lengths, rounded up to 8, between 16 and 200."""
    lengths = data.lengths[data.lengths > 0]
    longest = float(np.quantile(lengths, 0.95)) if len(lengths) else 0.0
    return int(np.clip(8 * np.ceil(longest / 8), 16, LONGEST_WINDOW))


def heads_for(width: int) -> int:
    """One head below 96, two below 192, four above."""
    return 1 if width < 96 else 2 if width < 192 else 4  # noqa: PLR2004 -- the table itself
