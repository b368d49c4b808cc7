"""A training from beginning to end: read, measure on users not seen, learn from everybody, keep.

The metrics come from a model of 90 % of the users; the model that is kept has learned from all of them, with the same
hyperparameters: trained anew, or, where that would take long, the first model taught the other users too.
"""

import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from openpersonalize import logs
from openpersonalize.avro import Schema
from openpersonalize.recipes import catalog
from openpersonalize.recipes.artefact import Artefact, Seen
from openpersonalize.recipes.data import TrainingData
from openpersonalize.recipes.models import Continuing, Fitted, Hyperparameters, Progress
from openpersonalize.recipes.recipe import Recipe
from openpersonalize.training import actions, segments
from openpersonalize.training.encoding import Snapshot, Source
from openpersonalize.training.evaluate import evaluate
from openpersonalize.training.events import Limits
from openpersonalize.training.read import read, read_all_events
from openpersonalize.training.selection import Selection
from openpersonalize.training.split import split
from openpersonalize.training.use_cases import of_types

LIBRARIES = ("openpersonalize", "numpy", "scipy", "pyarrow", "onnxruntime", "torch")
_SECONDS_PER_HOUR = 3600
# Both fits share the budget; reading, asking and writing are small beside them.
_FIT_SHARE = 0.5
_MEASURING, _MEASURED = 1, 2
SEGMENTS = "USER_SEGMENTATION"
ACTIONS = "PERSONALIZED_ACTIONS"

Dataset = TypeVar("Dataset", contravariant=True)  # noqa: PLC0105 - what it is says more than how it varies


class Records(Protocol[Dataset]):
    """Where the rows of datasets are."""

    def snapshot(self, dataset: Dataset, schema: Schema, /) -> Snapshot:
        """The dataset as it is now, with every column of the schema."""
        ...


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained; `config` is a solution's `solutionConfig` as it is on the wire.

    `threads` 0 leaves their number to the model; `budget_seconds` is the wall time that the whole training plans for.
    """

    recipe: str
    event_type: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    threads: int = 0
    budget_seconds: float = 600.0
    limits: Limits = field(default_factory=Limits)

    @property
    def parameters(self) -> dict[str, str]:
        """The hyperparameters that the caller has set."""
        given = (self.config.get(member) for member in ("algorithmHyperParameters", "featureTransformationParameters"))
        return {name: text for parameters in given for name, text in (parameters or {}).items()}


@dataclass(frozen=True)
class Trained:
    """The kept model's folder (see `recipes.artefact`), its offline metrics, the wall time, and how it was made."""

    folder: Path
    metrics: dict[str, float]
    hours: float
    manifest: Mapping[str, Any]


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for one training, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="openpersonalize-training-") as folder:
        yield Path(folder)


def train(
    order: Order,
    records: Records[Dataset],
    sources: Mapping[str, tuple[Dataset, Schema]],
    folder: Path,
    progress: Progress,
) -> Trained:
    """Train what was ordered into `folder`; JobFailed when the data are too few.

    `sources` are by dataset type; streamed rows count once they are settled. Same order and same records give the
    same model, as far as its family promises it.
    """
    watch = _Watch()
    recipe = catalog.BY_NAME[order.recipe]
    known, seen, versions, until = _read(order, records, sources, _stage(progress, 0.0, 0.1, "Reading"))
    data = of_types(known, recipe.events, order.limits) if recipe.events else known
    watch.lap("read")
    budget = order.budget_seconds * _FIT_SHARE
    hyper = catalog.model(recipe, order.parameters, threads=order.threads, budget_seconds=budget)
    measured = _MEASURING_OF.get(recipe.type, _measured)(hyper, recipe, data, order.seed, progress)
    watch.lap("measure")
    model = _final(hyper, measured.model, data, order.seed, _stage(progress, 0.5, 0.95, "Training on all users"))
    watch.lap("fit")
    manifest = {
        **_manifest(order, hyper, model),
        "data": versions,
        "imported_until": until,
        "counts": _counts(data) | {"users_asked": measured.asked},
        "metrics": measured.metrics,
        **measured.facts,
        "seconds": watch.laps,
    }
    progress(0.95, "Saving the model")
    Artefact.of(model, recipe, data, manifest, known=known, seen=seen).save(folder)
    hours = watch.total / _SECONDS_PER_HOUR
    logs.get("training").info("trained", recipe=recipe.name, **manifest["counts"], **watch.laps)
    progress(1.0, "Trained")
    return Trained(folder, measured.metrics, round(hours, 3), manifest)


def _read(
    order: Order,
    records: Records[Dataset],
    sources: Mapping[str, tuple[Dataset, Schema]],
    progress: Progress,
) -> tuple[TrainingData, Seen | None, dict[str, Any], dict[str, int]]:
    """The data, what filters look at besides, and of each dataset the version and the last imported row."""
    with ExitStack() as opened:
        held: dict[str, Source] = {}
        for kind, (dataset, schema) in sources.items():
            held[kind] = Source(opened.enter_context(closing(records.snapshot(dataset, schema))), schema)
        of_actions, selection = (
            catalog.BY_NAME[order.recipe].type == ACTIONS,
            Selection.of(order.event_type, order.config),
        )
        data = (actions.read_actions if of_actions else read)(held, selection, order.limits, progress)
        whole = data if of_actions else read_all_events(held, selection, order.limits, data)
        seen = Seen.of(whole, learned=whole is data)
        versions = {kind: source.snapshot.version for kind, source in held.items()}
        until = {kind: source.snapshot.imported_until for kind, source in held.items()}
        return data, seen if len(seen.histories) else None, versions, until


@dataclass(frozen=True)
class Measured:
    """A model of a part of the data, what it is worth, what it taught for the manifest; `asked` counts questions."""

    model: Fitted
    metrics: dict[str, float]
    asked: int
    facts: Mapping[str, Any] = field(default_factory=dict)


def _measured(hyper: Hyperparameters, recipe: Recipe, data: TrainingData, seed: int, progress: Progress) -> Measured:
    """A model that has learned from 90 % of the users, asked about the others."""
    parts = split(data, seed)
    model = _fitted(hyper, parts.train, (seed, _MEASURING), _stage(progress, 0.1, 0.45, "Training for the metrics"))
    step = _stage(progress, 0.45, 0.5, "Measuring")
    return Measured(model, evaluate(model, parts, recipe.type, lambda share: step(share, "")), len(parts.histories))


def _measured_segments(
    hyper: Hyperparameters, recipe: Recipe, data: TrainingData, seed: int, progress: Progress
) -> Measured:
    """A model that has learned from the oldest 80 % of each user's events, asked who came to an item later."""
    asked = segments.queries(data, of_attributes=recipe.item_id != "required")
    step = _stage(progress, 0.1, 0.45, "Training for the metrics")
    model = _fitted(hyper, segments.learned(data), (seed, _MEASURING), step)
    told = _stage(progress, 0.45, 0.5, "Measuring")
    metrics, weight = segments.measured(model, data, asked, lambda share: told(share, ""))
    return Measured(model, metrics, len(asked), {"activity_weight": weight})


def _measured_actions(
    hyper: Hyperparameters, recipe: Recipe, data: TrainingData, seed: int, progress: Progress
) -> Measured:
    """A model that has learned from 90 % of the users, asked of each occasion of the others whether it was taken."""
    del recipe
    parts = split(data, seed)
    model = _fitted(hyper, parts.train, (seed, _MEASURING), _stage(progress, 0.1, 0.45, "Training for the metrics"))
    metrics, asked = actions.measured(model, actions.held_back(data, parts))  # type: ignore[arg-type]
    return Measured(model, metrics, asked)


_MEASURING_OF = {SEGMENTS: _measured_segments, ACTIONS: _measured_actions}
"""How models of a recipe type are measured, where not by what test users did next."""


def _final(hyper: Hyperparameters, measured: Fitted, data: TrainingData, seed: int, progress: Progress) -> Fitted:
    """The model that is kept: trained on all users from nothing, or, where that is too dear, taught the others too."""
    if isinstance(hyper, Continuing) and hyper.goes_on(data):
        return hyper.go_on(measured, data, np.random.default_rng((seed, _MEASURED)), progress)
    return _fitted(hyper, data, (seed, _MEASURED), progress)


def _fitted(hyper: Hyperparameters, data: TrainingData, seeds: tuple[int, int], progress: Progress) -> Fitted:
    return hyper.fit(data, np.random.default_rng(seeds), progress)


def _stage(progress: Progress, start: float, end: float, name: str) -> Progress:
    """Tells a stage's own share as one of the whole."""

    def tell(share: float, text: str) -> None:
        progress(start + (end - start) * share, f"{name}: {text}" if text else name)

    return tell


def _manifest(order: Order, hyper: Hyperparameters, model: Fitted) -> dict[str, Any]:
    return {
        "hyperparameters": asdict(hyper),  # type: ignore[call-overload]
        "order": asdict(order),
        "plan": getattr(model, "plan", None),
        "versions": {"python": platform.python_version(), **dict(_versions())},
    }


def _versions() -> Iterator[tuple[str, str]]:
    for library in LIBRARIES:
        try:
            yield library, metadata.version(library)
        except metadata.PackageNotFoundError:  # torch is missing where only counting models are trained
            continue


def _counts(data: TrainingData) -> dict[str, int]:
    return {
        "users": len(data.users),
        "items": len(data.items),
        "items_met": int(np.count_nonzero(np.bincount(data.item, minlength=len(data.items)))),
        "interactions": len(data.item),
        "event_types": len(data.event_types),
    }


class _Watch:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """The stage `name` ends here."""
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now

    @property
    def total(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._start
