"""One file per family of models; each has a type before training and one after.

Before: a frozen dataclass of hyperparameters with `fit`. After: arrays that `score` candidates for a history, that
`save` into a folder and `load` from one. Saving uses npy, json and onnx, never pickle: a model is data, not code.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np

from openpersonalize.recipes.data import Floats, History, Ints, TrainingData, Vocabulary

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the share done (0..1) and a short text; may raise to stop the training."""


class Fitted(Protocol):
    """A model after training."""

    @property
    def items(self) -> Vocabulary:
        """The items it knows."""
        ...

    def score(self, history: History, candidates: Ints) -> Floats:
        """One number per candidate, higher is better; the scale is the family's own."""
        ...

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """The scores of all items for many histories at once, `[B, C]`."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same model again; arrays are mapped, not copied, where that helps."""
        ...


class Hyperparameters(Protocol):
    """A model before training."""

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> Fitted:
        """Learn from `data`; same data and same generator state give the same model."""
        ...


@runtime_checkable
class Continuing(Protocol):
    """A family that can teach a fitted model more data, where fitting anew takes long."""

    def goes_on(self, data: TrainingData) -> bool:
        """Whether these data are so many that a model of most of them is better continued."""
        ...

    def go_on(self, model: Any, data: TrainingData, rng: np.random.Generator, progress: Progress) -> Fitted:
        """The model, in the process that fitted it, after learning from all of `data` too."""
        ...


def quiet(_share: float, _text: str) -> None:
    """A progress callback for callers who do not watch."""
