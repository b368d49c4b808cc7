"""The training loop of the sequence encoder: torch on CPU cores, reproducible to the bit.

Same data, same plan, same number of threads: same weights. Speed comes from batches of equal token budget, a fused
loss, pooled dropout masks, and bfloat16 where the processor computes in it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from openpersonalize.recipes.data import Floats, Ints, TrainingData
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.features import Features
from openpersonalize.recipes.models.sequence_network import (
    Dropout,
    Encoder,
    FusedCrossEntropy,
    ItemTable,
    Muon,
    Network,
)
from openpersonalize.recipes.models.sequence_plan import Plan
from openpersonalize.recipes.models.sequence_windows import Windows, batches, cut, padded

WARM_UP = 0.05
CALIBRATION_STEPS = 23
UNMEASURED_STEPS = 3
CLIP = 1.0
PROGRESS_SECONDS = 0.25

Timer = Callable[[], float]


@dataclass(frozen=True)
class Trained:
    """Weights as arrays by their names in torch, and the plan with what the budget made of it."""

    weights: Mapping[str, Floats]
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
    timer: Timer = time.perf_counter,
) -> Trained:
    """Train on all events of `data`; `weight` [events] is what each counts as a target.

    The item table's rows are the items with events, in order. `progress` may raise to stop.
    """
    trained = np.flatnonzero(data.counts > 0)
    row_of = np.zeros(len(data.items), np.int64)
    row_of[trained] = np.arange(len(trained))
    events = Events(
        torch.from_numpy(row_of[data.item]),
        torch.from_numpy(np.maximum(data.event_type, 0).astype(np.int64)),
        torch.from_numpy(weight.astype(np.float32)),
    )
    with _torch_set(plan.threads):
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        network = Network(
            ItemTable(features, trained, plan.width, generator),
            Encoder(plan.width, plan.heads, plan.layers, generator),
            len(data.event_types),
            plan.width,
        )
        run = _Run(plan, network, events, data.offsets, generator=generator, budget_seconds=budget_seconds, timer=timer)
        run.all(rng, progress)
    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    return Trained(weights, replace(plan, cut=run.cut), run.loss, run.speed)


class _Run:
    """One training under way."""

    def __init__(
        self,
        plan: Plan,
        network: Network,
        events: Events,
        offsets: Ints,
        *,
        generator: torch.Generator,
        budget_seconds: float,
        timer: Timer,
    ) -> None:
        self.plan, self.network, self.events, self.offsets = plan, network, events, offsets
        self.generator, self.budget, self.timer = generator, budget_seconds, timer
        dtype = torch.bfloat16 if plan.bfloat16 else torch.float32
        largest = (plan.tokens + plan.window) * plan.width
        self.drop = Dropout(plan.dropout, largest, dtype, generator)
        self.optimizers = optimizers(network, plan)
        self.rates = [[group["lr"] for group in each.param_groups] for each in self.optimizers]
        self.targets = max(1.0, plan.epochs * float(np.maximum(np.diff(offsets) - 1, 0).sum()))
        self.planned = self.targets
        self.seen = self.steps = 0
        self.loss = self.speed = 0.0
        self.started = timer()

    @property
    def cut(self) -> float:
        """The share of the planned events that were trained on."""
        return round(min(1.0, self.targets / self.planned), 4)

    def all(self, rng: np.random.Generator, progress: Progress) -> None:
        """Epochs until the schedule has reached its end."""
        told = self.started - PROGRESS_SECONDS
        if not (np.diff(self.offsets) > 1).any():
            return
        while True:
            for batch in batches(cut(self.offsets, self.plan.window, rng), self.plan.tokens, rng):
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
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        loss, targets = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self.network.parameters(), CLIP)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.loss += 0.02 * (float(loss.detach()) - self.loss) if self.steps else float(loss.detach())
        self.seen += targets
        self.steps += 1
        self._calibrate()

    def _loss(self, batch: Windows) -> tuple[Tensor, int]:
        numbers, mask = padded(batch)
        places, real = torch.from_numpy(numbers), torch.from_numpy(mask)
        table = self.network.table
        ids = None
        if table.described:
            ids = (torch.rand(len(table.ids), generator=self.generator) >= self.plan.id_dropout).float()
        vectors, bias = table(ids)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bfloat16):
            states = self.network.states(vectors, self.events.row[places], self.events.kind[places], self.drop)
        target = places[real] + 1
        loss: Tensor = FusedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            states[real],
            vectors,
            bias,
            self.events.row[target],
            self.events.weight[target],
            torch.bfloat16 if self.plan.bfloat16 else torch.float32,
        )
        return loss, len(target)

    def _calibrate(self) -> None:
        """Measure the speed once, and cut the plan when it would break the budget."""
        if self.steps == UNMEASURED_STEPS:
            self.mark = (self.timer(), self.seen)
        if self.steps != CALIBRATION_STEPS:
            return
        self.speed = (self.seen - self.mark[1]) / max(1e-9, self.timer() - self.mark[0])
        left = self.budget - (self.timer() - self.started)
        self.targets = min(self.targets, max(2.0 * self.seen, self.seen + self.speed * left))


def optimizers(network: Network, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices of the blocks, AdamW for everything else."""
    hidden, tables, vectors = [], [], []
    for name, parameter in network.named_parameters():
        if parameter.ndim != 2:  # noqa: PLR2004 -- matrices
            vectors.append(parameter)
        elif name.startswith("encoder.blocks") and not name.endswith("taps"):
            hidden.append(parameter)
        else:
            tables.append(parameter)
    groups = [{"params": tables, "weight_decay": plan.decay}, {"params": vectors, "weight_decay": 0.0}]
    return [
        Muon(hidden, plan.matrix_rate, decay=plan.decay),
        torch.optim.AdamW(groups, lr=plan.table_rate, betas=(0.9, 0.98), fused=True),
    ]


def computes_in_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has bfloat16 products; emulated ones are slower than float32."""
    try:
        words = set(cpuinfo.read_text().split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "bf16", "amx_bf16"})


@contextmanager
def _torch_set(threads: int) -> Iterator[None]:
    """Threads and determinism of torch, which are global to the process, for one training."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # Torch would fill every new tensor with NaN; nothing here reads what it has not written.
    memory: Any = torch.utils.deterministic
    filling = memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = filling
