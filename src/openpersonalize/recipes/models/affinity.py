"""Affinity of users to items: the sequence model, asked the other way round; `recipes.segments` ranks the users."""

from dataclasses import dataclass

import numpy as np

from openpersonalize.recipes.data import TrainingData
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.sequence import Sequence
from openpersonalize.recipes.models.sequence_model import SequenceModel

_STEP = 16


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """The documented hyperparameter of the segmentation recipes; a width is taken to the nearest multiple of 16."""

    hidden_dimension: int = 149
    threads: int = 0
    budget_seconds: float = 600.0

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> SequenceModel:
        """Learn what users do next, as `Sequence` does."""
        width = _STEP * max(1, round(self.hidden_dimension / _STEP))
        return Sequence(width=width, threads=self.threads, budget_seconds=self.budget_seconds).fit(data, rng, progress)
