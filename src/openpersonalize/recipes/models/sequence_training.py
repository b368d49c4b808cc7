"""The training loop of the sequence encoder: torch on CPU cores, reproducible to the bit.

Same data, same plan, same number of threads: same weights. Speed comes from batches of equal token budget, a fused
loss, pooled dropout masks, and bfloat16 where the processor computes in it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from openpersonalize.recipes.data import Floats, Ints, TrainingData
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.features import Features
from openpersonalize.recipes.models.sequence_loss import TINY, Candidates, FusedCrossEntropy, Sampler
from openpersonalize.recipes.models.sequence_network import (
    Dropout,
    Encoder,
    ItemTable,
    Network,
)
from openpersonalize.recipes.models.sequence_optimizers import AdamW, Muon
from openpersonalize.recipes.models.sequence_plan import Plan
from openpersonalize.recipes.models.sequence_windows import Windows, batches, cut, padded

WARM_UP = 0.05
CALIBRATION_STEPS = 23
UNMEASURED_STEPS = 3
CLIP = 1.0
PROGRESS_SECONDS = 0.25
LOSS_MEMORY = 0.02
PER_ITEM = frozenset({"table.ids", "table.bias"})
SMALLEST_SHARD = 256
"""Events that are worth a thread."""

Timer = Callable[[], float]


@dataclass(frozen=True)
class Trained:
    """Weights as arrays by their names in torch, and the plan with what the budget made of it.

    Row `r` of the item table belongs to item `rows[r]`.
    """

    weights: Mapping[str, Floats]
    rows: Ints
    plan: Plan
    loss: float
    events_per_second: float

    def encoder(self) -> dict[str, Floats]:
        """The weights that become the graph."""
        return {name[8:]: value for name, value in self.weights.items() if name.startswith("encoder.")}


@dataclass(frozen=True)
class Events:
    """The flat arrays a training reads, as tensors: row in the item table, type number, loss weight."""

    row: Tensor
    kind: Tensor
    weight: Tensor


def train(
    plan: Plan,
    data: TrainingData,
    features: Features,
    *,
    weight: Floats,
    rng: np.random.Generator,
    progress: Progress,
    budget_seconds: float,
    start: Trained | None = None,
    timer: Timer = time.perf_counter,
) -> Trained:
    """Train on all events of `data`; `weight` [events] is what each counts as a target.

    The item table's rows are the items with events, in order. `start` are weights to go on from instead of random
    ones, of the same items and features; items it does not have begin at random. `progress` may raise to stop.
    """
    trained = np.flatnonzero(data.counts > 0)
    row_of = np.zeros(len(data.items), np.int64)
    row_of[trained] = np.arange(len(trained))
    events = Events(
        torch.from_numpy(row_of[data.item]),
        torch.from_numpy(np.maximum(data.event_type, 0).astype(np.int64)),
        torch.from_numpy(weight.astype(np.float32)),
    )
    with _torch_set(), ThreadPoolExecutor(plan.threads) as pool:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        network = Network(
            ItemTable(features, trained, plan.width, generator),
            Encoder(plan.width, plan.heads, plan.layers, generator),
            len(data.event_types),
            plan.width,
        )
        if start is not None:
            _go_on_from(network, start, trained)
        run = _Run(
            plan,
            network,
            events,
            data.offsets,
            rng=rng,
            pool=pool,
            generator=generator,
            budget_seconds=budget_seconds,
            timer=timer,
        )
        run.all(progress)
    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    return Trained(weights, trained, replace(plan, cut=run.cut), run.loss, run.speed)


def _go_on_from(network: Network, start: Trained, rows: Ints) -> None:
    """Copy the weights of an earlier training, the item table row by row."""
    places = np.searchsorted(start.rows, rows)
    known = np.flatnonzero(np.take(start.rows, places, mode="clip") == rows)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            weights = torch.from_numpy(np.asarray(start.weights[name]))
            if name in PER_ITEM:
                parameter[torch.from_numpy(known)] = weights[torch.from_numpy(places[known])]
            else:
                parameter.copy_(weights)


class _Run:
    """One training under way."""

    def __init__(
        self,
        plan: Plan,
        network: Network,
        events: Events,
        offsets: Ints,
        *,
        rng: np.random.Generator,
        pool: ThreadPoolExecutor,
        generator: torch.Generator,
        budget_seconds: float,
        timer: Timer,
    ) -> None:
        self.plan, self.network, self.events, self.offsets = plan, network, events, offsets
        self.rng, self.pool, self.generator, self.budget, self.timer = rng, pool, generator, budget_seconds, timer
        dtype = torch.bfloat16 if plan.bfloat16 else torch.float32
        self.low = dtype
        masks = Dropout.masks(plan.dropout, (plan.tokens + plan.window) * plan.width, dtype, generator)
        seeds = torch.randint(2**31, (plan.threads,), generator=generator).tolist()
        self.drops = [Dropout(masks, torch.Generator().manual_seed(seed)) for seed in seeds]
        rows = len(network.table.ids)
        counts = np.bincount(events.row.numpy(), minlength=rows)
        self.sampler = Sampler.of(counts, plan.negatives) if 0 < plan.negatives < rows else None
        self.place_of = torch.zeros(rows, dtype=torch.int64)
        self.shared = [*network.encoder.parameters(), network.types]
        self.optimizers = optimizers(network, plan)
        self.targets = max(1.0, plan.epochs * float(np.maximum(np.diff(offsets) - 1, 0).sum()))
        self.planned = self.targets
        self.seen = self.steps = 0
        self.loss = self.speed = 0.0
        self.started = timer()

    @property
    def cut(self) -> float:
        """The share of the planned events that were trained on."""
        return min(1.0, self.targets / self.planned)

    def all(self, progress: Progress) -> None:
        """Epochs until the schedule has reached its end."""
        told = self.started - PROGRESS_SECONDS
        if not (np.diff(self.offsets) > 1).any():
            return
        while True:
            for batch in batches(cut(self.offsets, self.plan.window, self.rng), self.plan.tokens, self.rng):
                share = self._share()
                if share >= 1:
                    return
                if self.timer() - told >= PROGRESS_SECONDS:
                    told = self.timer()
                    progress(share, f"training, {share:.0%} of {self.plan.epochs:.1f} epochs")
                self._step(batch, share)

    def _share(self) -> float:
        """Where the schedule stands, 0 to 1: by events, and by time once the budget is used up."""
        elapsed = self.timer() - self.started
        late = (elapsed - self.budget) / (0.5 * self.budget)
        share = self.seen / self.targets
        if late > share:
            self.targets = max(1.0, self.seen / late) if late < 1 else float(max(1, self.seen))
            share = min(1.0, late)
        return share

    def _step(self, batch: Windows, share: float) -> None:
        factor = min(1.0, (share + 1 / self.targets) / WARM_UP) * (1 - share)
        loss = self._gradients(batch)
        clip_grad_norm_(self.network.parameters(), CLIP)
        for optimizer in self.optimizers:
            optimizer.step(factor)
        self.network.zero_grad()
        self.loss += LOSS_MEMORY * (loss - self.loss) if self.steps else loss
        self.seen += int(batch.inputs.sum())
        self.steps += 1
        self._calibrate()

    def _gradients(self, batch: Windows) -> float:
        """Gradients of all parameters, the batch being shared out among the threads; the loss."""
        chosen = self._candidates(batch)
        vectors, bias = self.network.table(self._kept_ids(chosen), None if chosen is None else chosen.rows)
        leaves = [vectors.detach().requires_grad_(), bias.detach().requires_grad_()]
        shards = _shards(batch, self.plan.threads)
        found = list(self.pool.map(partial(self._shard, leaves, chosen), shards, self.drops))
        whole = max(TINY, sum(share for share, _, _ in found))
        parts = [part / whole for part, _, _ in found]
        summed = [
            sum(part * gradient for part, gradient in zip(parts, each, strict=True))
            for each in zip(*(gradients for _, _, gradients in found), strict=True)
        ]
        for parameter, gradient in zip(self.shared, summed[2:], strict=True):
            parameter.grad = gradient
        torch.autograd.backward([vectors, bias], summed[:2])
        return sum(part * loss for part, (_, loss, _) in zip(parts, found, strict=True))

    def _candidates(self, batch: Windows) -> Candidates | None:
        """None where all items take part in the loss."""
        if self.sampler is None:
            return None
        places, real = padded(batch)
        needed = np.concatenate([places[real], places[real] + 1, [0]])
        chosen = self.sampler.draw(np.unique(self.events.row.numpy()[needed]), int(real.sum()), self.rng)
        self.place_of[chosen.rows] = torch.arange(len(chosen.rows))
        return chosen

    def _kept_ids(self, chosen: Candidates | None) -> Tensor | None:
        table = self.network.table
        if not table.described:
            return None
        size = len(table.ids) if chosen is None else len(chosen.rows)
        return (torch.rand(size, generator=self.generator) >= self.plan.id_dropout).float()

    def _shard(
        self, leaves: Sequence[Tensor], chosen: Candidates | None, batch: Windows, drop: Dropout
    ) -> tuple[float, float, tuple[Tensor, ...]]:
        """Weight, mean loss and gradients of a part of a batch."""
        vectors, bias = leaves
        numbers, mask = padded(batch)
        places, real = torch.from_numpy(numbers), torch.from_numpy(mask)
        last = places[real] + 1
        items, target, weight = self.events.row[places], self.events.row[last], self.events.weight[last]
        if chosen is not None:
            items, target = self.place_of[items], self.place_of[target]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bfloat16):
            states = self.network.states(vectors, items, self.events.kind[places], drop)
        shift = None if chosen is None else chosen.shift
        loss = FusedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            states[real], vectors, bias, target, weight, self.low, shift
        )
        gradients = torch.autograd.grad(loss, [vectors, bias, *self.shared], materialize_grads=True)
        return float(weight.sum()), float(loss.detach()), gradients

    def _calibrate(self) -> None:
        """Measure the speed once, and cut the plan when it would break the budget."""
        if self.steps == UNMEASURED_STEPS:
            self.mark = (self.timer(), self.seen)
        if self.steps != CALIBRATION_STEPS:
            return
        self.speed = (self.seen - self.mark[1]) / max(1e-9, self.timer() - self.mark[0])
        left = self.budget - (self.timer() - self.started)
        self.targets = min(self.targets, max(2.0 * self.seen, self.seen + self.speed * left))


def _shards(batch: Windows, threads: int) -> list[Windows]:
    """The batch in as many parts as there are threads, unless it is too small to be worth it."""
    parts = min(threads, max(1, int(batch.inputs.sum()) // SMALLEST_SHARD), len(batch.starts))
    bounds = np.linspace(0, len(batch.starts), parts + 1).astype(int)
    return [Windows(batch.starts[begin:end], batch.ends[begin:end]) for begin, end in pairwise(bounds)]


def optimizers(network: Network, plan: Plan) -> list[AdamW | Muon]:
    """Muon for the hidden matrices of the blocks, AdamW for everything else."""
    hidden, tables, vectors = [], [], []
    for name, parameter in network.named_parameters():
        if parameter.ndim != 2:  # noqa: PLR2004 -- matrices
            vectors.append(parameter)
        elif name.startswith("encoder.blocks") and not name.endswith("taps"):
            hidden.append(parameter)
        else:
            tables.append(parameter)
    return [
        Muon(hidden, plan.matrix_rate, decay=plan.decay),
        AdamW(tables, plan.table_rate, decay=plan.decay),
        AdamW(vectors, plan.table_rate),
    ]


def computes_in_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has bfloat16 products; emulated ones are slower than float32."""
    try:
        words = set(cpuinfo.read_text().split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "bf16", "amx_bf16"})


@contextmanager
def _torch_set() -> Iterator[None]:
    """One thread per operation, and determinism: torch's own switches, global to the process, for one training.

    A batch is shared out among threads as a whole. Threads inside each operation meet some 500 times a step, and on a
    machine with other work each meeting waits for the slowest: twenty times slower was measured.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # Torch would fill every new tensor with NaN; nothing here reads what it has not written.
    memory: Any = torch.utils.deterministic
    filling = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = filling
