"""The sequence model: a small causal transformer over item vectors, blended with counts of co-occurrence.

`Sequence` holds the hyperparameters and trains; `SequenceModel` answers. The story goes on in `sequence_plan` (how
big), `sequence_training` (the loop), `sequence_prior` (the blend) and `sequence_model` (serving).
"""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from openpersonalize.recipes.data import Floats, History, Ints, TrainingData
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.features import FeatureEncoder, Features
from openpersonalize.recipes.models.popularity import distinct_users
from openpersonalize.recipes.models.sequence_model import Content, SequenceModel
from openpersonalize.recipes.models.sequence_plan import LONGEST_WINDOW, Plan, heads_for, plan
from openpersonalize.recipes.models.sequence_prior import Prior, Trial, Weights
from openpersonalize.recipes.models.sequence_windows import without_echoes

__all__ = ["Sequence", "SequenceModel"]

MOST_THREADS = 4
VALIDATION_USERS = 2000
VALIDATION_SHARE = 0.05
FEWEST_USERS = 50
VALIDATION_POINTS = 1000
VALIDATION_CELLS = 20_000_000
"""Most numbers, points x items, that choosing looks at."""
FEWEST_POINTS = 50
COLD_QUANTILE = 0.1
DEAR_CELLS = 1.2e9
"""Events x epochs x items in the loss, from where a second training from nothing is too dear: about 20 s on 2 cores."""
CONTINUED_EPOCHS, CONTINUED_RATE = 1.0, 0.2
TRAINING_SHARE = 0.9
"""Of the progress bar; the rest is counting and choosing."""


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """Hyperparameters; `None` leaves the choice to the size of the data.

    `length_percentiles` drops users with histories outside these quantiles from training only. `threads` 0 takes the
    machine's cores, at most four. `metadata` uses the items' columns, `prior` the counts of co-occurrence.
    """

    width: int | None = None
    layers: int | None = None
    window: int | None = None
    dropout: float | None = None
    epochs: float | None = None
    tokens: int | None = None
    negatives: int | None = None
    metadata: bool = True
    prior: bool = True
    apply_recency_bias: bool = True
    length_percentiles: tuple[float, float] = (0.0, 1.0)
    threads: int = 0
    budget_seconds: float = 600.0

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> SequenceModel:
        """Train on `data`; a small part of it is held out to choose the weights of the prior.

        Same data, generator state and number of threads give the same model; a machine too slow for
        `budget_seconds` shortens the training, which the model's plan then tells.
        """
        from openpersonalize.recipes.models import sequence_training

        data = data.where(without_echoes(data.item, data.event_type, data.user))
        learned, points = hold_out(self._of_usual_length(data), rng) if self.prior else (data, [])
        wanted = self.plan(learned)
        encoder = FeatureEncoder.fit(data.item_columns if self.metadata else (), np.flatnonzero(learned.counts > 0))
        features = encoder.encode(data.item_columns, len(data.items))
        trained = sequence_training.train(
            replace(wanted, bfloat16=sequence_training.computes_in_bfloat16()),
            learned,
            features,
            weight=np.ones(len(learned.item)) if learned.weight is None else learned.weight,
            rng=rng,
            progress=lambda share, text: progress(TRAINING_SHARE * share, text),
            budget_seconds=self.budget_seconds,
        )
        progress(TRAINING_SHARE, "counting")
        model = assembled(data, learned, features, encoder, trained)
        if points:
            # A model that is to go on is counted anew then, with more users: once is enough.
            counted = learned if self.goes_on(data) else data
            model = blended(model, counted, learned, points, recency=self.apply_recency_bias)
        progress(1.0, "trained")
        return model

    def goes_on(self, data: TrainingData) -> bool:
        """Whether a model of most users is better continued with all than trained again, for the time it takes."""
        wanted = self.plan(data)
        items = int((data.counts > 0).sum())
        # Beside the items drawn, a step's own events are candidates: few of them are of the same item.
        candidates = min(items, wanted.negatives + wanted.tokens) if wanted.negatives else items
        return wanted.epochs * len(data.item) * candidates > DEAR_CELLS

    def go_on(
        self, model: SequenceModel, data: TrainingData, rng: np.random.Generator, progress: Progress
    ) -> SequenceModel:
        """Teach a model, in the process that fitted it, the rest of `data`: one epoch over all of it, slowly.

        The weights of the prior stay as they were chosen, its counts are made anew.
        """
        from openpersonalize.recipes.models import sequence_training

        data = data.where(without_echoes(data.item, data.event_type, data.user))
        features = model.content.encoder.encode(data.item_columns, len(data.items))
        before = model.raw.plan
        trained = sequence_training.train(
            replace(
                before,
                epochs=CONTINUED_EPOCHS,
                table_rate=before.table_rate * CONTINUED_RATE,
                matrix_rate=before.matrix_rate * CONTINUED_RATE,
            ),
            data,
            features,
            weight=np.ones(len(data.item)) if data.weight is None else data.weight,
            rng=rng,
            progress=lambda share, text: progress(TRAINING_SHARE * share, text),
            budget_seconds=self.budget_seconds,
            start=model.raw,
        )
        progress(TRAINING_SHARE, "counting")
        whole = assembled(data, data, features, model.content.encoder, trained)
        counted = Prior.count(data, data.counts > 0).weighted(model.prior.weights) if self.prior else whole.prior
        progress(1.0, "trained")
        return replace(whole, prior=counted, plan={**model.plan, "continued_epochs": CONTINUED_EPOCHS})

    def plan(self, data: TrainingData) -> Plan:
        """The plan for this data with the choices made here."""
        chosen = {
            name: value
            for name in ("width", "layers", "window", "dropout", "epochs", "tokens", "negatives")
            if (value := getattr(self, name)) is not None
        }
        sized = replace(plan(data), **chosen, threads=self.threads or min(MOST_THREADS, os.cpu_count() or 1))
        return replace(sized, heads=heads_for(sized.width), window=min(sized.window, LONGEST_WINDOW))

    def _of_usual_length(self, data: TrainingData) -> TrainingData:
        low, high = self.length_percentiles
        if (low, high) == (0.0, 1.0) or not len(data.item):
            return data
        bounds = np.quantile(data.lengths[data.lengths > 0], [low, high])
        usual = (data.lengths >= bounds[0]) & (data.lengths <= bounds[1])
        return data.where(usual[data.user])


def hold_out(data: TrainingData, rng: np.random.Generator) -> tuple[TrainingData, list[tuple[History, int]]]:
    """The data without the newest 10 % of some users' events, and those events as (history before, item) pairs.

    Only items that remain in the data are asked for.
    """
    able = np.flatnonzero(data.lengths > 2)  # noqa: PLR2004 -- one pair stays to learn from
    size = min(VALIDATION_USERS, max(math.ceil(VALIDATION_SHARE * len(able)), min(FEWEST_USERS, len(able) // 5)))
    users = np.sort(rng.choice(able, size, replace=False))
    lengths = data.lengths.copy()
    lengths[users] -= np.maximum(1, lengths[users] // 10)
    learned = data.head(lengths)
    points = [
        (History(*(part[:place] for part in _parts(data.history(user)))), int(data.item[data.offsets[user] + place]))
        for user in users
        for place in range(lengths[user], data.lengths[user])
    ]
    points = [point for point in points if learned.counts[point[1]]]
    most = min(VALIDATION_POINTS, max(FEWEST_POINTS, VALIDATION_CELLS // len(data.items)))
    if len(points) > most:
        points = [points[place] for place in np.sort(rng.choice(len(points), most, replace=False))]
    return learned, points


def _parts(history: History) -> tuple[Ints, Ints, Ints]:
    return history.items, history.event_types, history.timestamps


def assembled(
    data: TrainingData, learned: TrainingData, features: Features, encoder: FeatureEncoder, trained: Any
) -> SequenceModel:
    """The serving form of trained weights; items without events get the vector of their metadata."""
    from openpersonalize.recipes.models.sequence_onnx import graph

    weights: Mapping[str, Floats] = trained.weights
    warm = learned.counts > 0
    scales = weights["table.scales"]
    beta = weights["table.bias"]
    content = Content(
        encoder,
        weights["table.values"] * scales[features.value_column][:, None],
        weights["table.slopes"] * scales[features.slope_column][:, None],
        weights["table.leaning"],
        float(np.quantile(beta, COLD_QUANTILE)) if len(beta) else 0.0,
    )
    vectors, bias = content.vectors(data.item_columns, len(data.items))
    vectors[warm] += weights["table.ids"]
    bias[warm] += beta - np.float32(content.beta)
    last_seen = np.full(len(data.items), -1, np.int64)
    np.maximum.at(last_seen, data.item, data.timestamp)
    return SequenceModel(
        items=data.items,
        event_types=data.event_types,
        vectors=vectors,
        bias=bias,
        types=weights["types"],
        graph=graph(trained.encoder(), trained.plan.heads, trained.plan.window),
        prior=Prior(Weights(), warm, np.zeros(len(warm), np.float32)),
        content=content,
        counts=data.counts,
        user_counts=distinct_users(data),
        last_seen=last_seen,
        plan={**asdict(trained.plan), "loss": trained.loss},
        raw=trained,
    )


def blended(
    model: SequenceModel,
    data: TrainingData,
    learned: TrainingData,
    points: list[tuple[History, int]],
    *,
    recency: bool,
) -> SequenceModel:
    """The model with the prior whose weights were best on held-out points, counted over `data`."""
    histories = [history for history, _ in points]
    targets = np.array([item for _, item in points])
    prior = Prior.count(learned, learned.counts > 0)
    trial = Trial.of(model.scores_many(histories), prior, [history.items for history in histories], targets)
    weights, found = trial.best(recency=recency)
    counted = prior if data is learned else Prior.count(data, data.counts > 0)
    return replace(model, prior=counted.weighted(weights), plan={**model.plan, "validation": found})
