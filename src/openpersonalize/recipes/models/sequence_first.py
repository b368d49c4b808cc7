"""The hyperparameters of the first generation of recipes, said in terms of the sequence model.

Amazon's `aws-user-personalization` and `aws-personalized-ranking` describe a recurrent network. Their parameters keep
their meaning: how wide, how far back, whether trends count, which users to learn from.
"""

from dataclasses import dataclass

import numpy as np

from openpersonalize.recipes.data import TrainingData
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.sequence import Sequence, SequenceModel

UNCHOSEN_WIDTH, UNCHOSEN_STEPS = 149, 32
"""The documented defaults: whoever has them leaves the choice to the size of the data."""


@dataclass(frozen=True, kw_only=True)
class FirstSequence:
    """Names and defaults as documented."""

    hidden_dimension: int = UNCHOSEN_WIDTH
    bptt: int = UNCHOSEN_STEPS
    recency_mask: bool = True
    min_user_history_length_percentile: float = 0.0
    max_user_history_length_percentile: float = 0.99
    threads: int = 0
    budget_seconds: float = 600.0

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> SequenceModel:
        """Train the sequence model these parameters stand for."""
        return self.sequence().fit(data, rng, progress)

    def sequence(self) -> Sequence:
        """The same choices there.

        >>> FirstSequence(hidden_dimension=150, bptt=2).sequence().width
        144
        """
        return Sequence(
            width=None if self.hidden_dimension == UNCHOSEN_WIDTH else 16 * round(self.hidden_dimension / 16),
            window=None if self.bptt == UNCHOSEN_STEPS else 8 + 6 * self.bptt,
            apply_recency_bias=self.recency_mask,
            length_percentiles=(self.min_user_history_length_percentile, self.max_user_history_length_percentile),
            threads=self.threads,
            budget_seconds=self.budget_seconds,
        )
