"""A trained sequence model: numpy and onnxruntime, never torch.

The folder of a saved model:

    items.json        ids, in order                     vectors.npy   [items, d], mapped
    encoder.onnx      vectors of a history -> state     bias.npy      [items]
    plan.json         sizes, seed, choices, versions    types.npy     [event types, d]
    counts.npy        events per item                   users.npy     distinct users per item
    last_seen.npy     epoch seconds, -1 never           recent.npy    [items] log trend
    markov_*.npy, ease.npy                              only where they have weight
    features.json, content_*.npy                        how new items are described
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson

from openpersonalize.recipes.data import Column, Floats, History, Ints, Vocabulary
from openpersonalize.recipes.models.cooccurrence import Ease, Markov, mapped
from openpersonalize.recipes.models.features import FeatureEncoder
from openpersonalize.recipes.models.sequence_prior import Prior, Weights
from openpersonalize.recipes.models.sequence_windows import without_echoes

BATCH_TOKENS = 6400
NEVER_MET = 0.5
"""What an item without any user counts, so that its logarithm exists and it comes last."""


@dataclass(frozen=True)
class Content:
    """How metadata becomes an item vector: `F = (S, N) A`, and its bias `beta + u F`."""

    encoder: FeatureEncoder
    values: Floats
    slopes: Floats
    leaning: Floats
    beta: float

    def vectors(self, columns: Sequence[Column], items: int) -> tuple[Floats, Floats]:
        """Vectors [items, d] and biases [items] of items that nobody has met yet."""
        features = self.encoder.encode(columns, items)
        vectors = (features.sparse @ self.values + features.dense @ self.slopes).astype(np.float32)
        return vectors, (self.beta + vectors @ self.leaning).astype(np.float32)

    def save(self, folder: Path) -> None:
        """One json file and four arrays."""
        self.encoder.save(folder)
        np.save(folder / "content_values.npy", self.values)
        np.save(folder / "content_slopes.npy", self.slopes)
        np.save(folder / "content_leaning.npy", self.leaning)
        np.save(folder / "content_beta.npy", np.float64(self.beta))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same again."""
        values, slopes, leaning, beta = (
            np.load(folder / f"content_{part}.npy") for part in ("values", "slopes", "leaning", "beta")
        )
        return cls(FeatureEncoder.load(folder), values, slopes, leaning, float(beta))


@dataclass(frozen=True, kw_only=True)
class SequenceModel:
    """Item vectors, the encoder's graph and the prior; safe to use from many threads at once.

    `counts` are events, `user_counts` distinct users per item at training, `last_seen` the latest event in epoch
    seconds, -1 for never. `plan` tells how the model was made.
    """

    items: Vocabulary
    event_types: tuple[str, ...]
    vectors: Floats
    bias: Floats
    types: Floats
    graph: bytes = field(repr=False)
    prior: Prior
    content: Content
    counts: Ints
    user_counts: Ints
    last_seen: Ints
    plan: Mapping[str, Any]
    raw: Any = field(default=None, compare=False, repr=False)
    """The weights as training left them, in the process that trained; not saved."""

    @cached_property
    def popular(self) -> Floats:
        """Log of the distinct users per item: the scores for somebody without history."""
        return np.log(np.maximum(self.user_counts, NEVER_MET)).astype(np.float32)

    def score(self, history: History, candidates: Ints) -> Floats:
        """Logits of the candidates, up to one constant per history: a softmax over any list gives probabilities.

        Somebody without history is answered by popularity: the logarithm of distinct users.
        """
        scores: Floats = self.scores_many([history])[0][candidates]
        return scores

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """Logits of all items for each history, [histories, items]."""
        scores: Floats = self.encode(histories) @ self.vectors.T + self.bias
        for row, history in zip(scores, histories, strict=True):
            if len(history):
                self.prior.add(row, history.items)
            else:
                row[:] = self.popular
        return scores

    def encode(self, histories: Sequence[History]) -> Floats:
        """The state after each history, [histories, d]; zeros where a history is empty."""
        states = np.zeros((len(histories), self.vectors.shape[1]), np.float32)
        inputs = [self._input(history) for history in histories]
        order = sorted((row for row, x in enumerate(inputs) if len(x)), key=lambda row: len(inputs[row]))
        while order:
            size = max(1, BATCH_TOKENS // len(inputs[order[-1]]))
            rows, order = order[-size:], order[:-size]
            states[rows] = self._run([inputs[row] for row in rows])
        return states

    def _input(self, history: History) -> Floats:
        kept = without_echoes(history.items, history.event_types, np.zeros(len(history), np.int8))
        items, types = (part[kept][-self.plan["window"] :] for part in (history.items, history.event_types))
        x: Floats = self.vectors[items]
        if len(self.types) > 1:
            known = (types >= 0) & (types < len(self.types))
            x = x + np.where(known[:, None], self.types[np.where(known, types, 0)], 0.0)
        return x

    def _run(self, inputs: Sequence[Floats]) -> Floats:
        x = np.zeros((len(inputs), max(map(len, inputs)), self.vectors.shape[1]), np.float32)
        for row, vectors in enumerate(inputs):
            x[row, : len(vectors)] = vectors
        last = np.array([len(vectors) - 1 for vectors in inputs], np.int64)
        states: Floats = self._session.run(None, {"x": x, "last": last})[0]
        return states

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])

    def extended(self, ids: Sequence[str], columns: Sequence[Column]) -> Self:
        """The model with new items that only their metadata describes; nothing else changes.

        `columns` have a row per new id.
        """
        vectors, bias = self.content.vectors(columns, len(ids))
        nothing = np.zeros(len(ids), self.counts.dtype)
        return replace(
            self,
            items=Vocabulary((*self.items.ids, *ids)),
            vectors=np.concatenate([self.vectors, vectors]),
            bias=np.concatenate([self.bias, bias]),
            counts=np.concatenate([self.counts, nothing]),
            user_counts=np.concatenate([self.user_counts, nothing]),
            last_seen=np.concatenate([self.last_seen, nothing - 1]),
        )

    def save(self, folder: Path) -> None:
        """Write the files named at the top of this module."""
        folder.mkdir(parents=True, exist_ok=True)
        self.items.save(folder / "items.json")
        (folder / "encoder.onnx").write_bytes(self.graph)
        plan = {**self.plan, "event_types": self.event_types, "prior": asdict(self.prior.weights)}
        (folder / "plan.json").write_bytes(orjson.dumps(plan, option=orjson.OPT_INDENT_2))
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array)
        for part in (self.prior.markov, self.prior.ease, self.content):
            if part is not None:
                part.save(folder)

    def _arrays(self) -> dict[str, Any]:
        return {
            "vectors": self.vectors,
            "bias": self.bias,
            "types": self.types,
            "counts": self.counts,
            "users": self.user_counts,
            "last_seen": self.last_seen,
            "warm": self.prior.warm,
            "recent": self.prior.recent,
        }

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same model again, its large arrays mapped into memory."""
        plan = orjson.loads((folder / "plan.json").read_bytes())
        weights = Weights(**plan.pop("prior"))
        event_types = tuple(plan.pop("event_types"))

        def array(name: str) -> Any:
            return mapped(folder / f"{name}.npy")

        return cls(
            items=Vocabulary.load(folder / "items.json"),
            event_types=event_types,
            vectors=array("vectors"),
            bias=array("bias"),
            types=array("types"),
            graph=(folder / "encoder.onnx").read_bytes(),
            prior=Prior(
                weights,
                array("warm"),
                array("recent"),
                Markov.load(folder) if weights.markov else None,
                Ease.load(folder) if weights.ease else None,
            ),
            content=Content.load(folder),
            counts=array("counts"),
            user_counts=array("users"),
            last_seen=array("last_seen"),
            plan=plan,
        )
