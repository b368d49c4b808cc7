"""Propensity: how likely a user is to take each of some actions, offers or programmes, when it comes up.

What is learned of is an occasion: an action came up for a user and was taken or not. An occasion that was viewed or
declined and taken within the optimisation period is one occasion, taken. Four things are known before each:

    rate       how often the action is taken, of all its occasions
    own        whether this user takes more or less than others do
    again      what this user did with this very action before
    alike      what users who did the same with other actions then did with this one

They are log-odds or shrunk residuals of the user's earlier occasions, and one logistic regression over all actions
weighs them, so that the answer is a probability also for a user of few occasions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from openpersonalize.recipes.data import Floats, History, Ints, TrainingData, Vocabulary
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.occasions import DAY_SECONDS, LATEST, TAKEN, Occasions, earlier_pairs, occasions_of

NEEDED, WEEKS = 50, 6
"""An action has a propensity once it was taken so often, and so often not, in so many weeks before the newest event."""

_RATE_PRIOR, _PAIR_PRIOR, _OWN_PRIOR, _AGAIN_PRIOR, _ALIKE_PRIOR = 20.0, 10.0, 5.0, 1.0, 2.0
_RIDGE = 1.0
_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class NextBestAction:
    """`action_optimization_period`: days within which a user takes an action that came up, or has not taken it."""

    action_optimization_period: int = 14

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> "Propensity":
        """Count, then weigh what was counted; which half of the users explains the other is drawn."""
        taken_type = data.event_types.index(TAKEN) if TAKEN in data.event_types else -1
        period = self.action_optimization_period * DAY_SECONDS
        found = occasions_of(data.user, data.item, data.timestamp, data.event_type == taken_type, period)
        progress(0.3, f"{len(found)} occasions of {len(data.items)} actions")
        counted = Propensity(
            items=data.items,
            rated=_rated(data, taken_type),
            odds=_odds(found, len(data.items)),
            lifts=_lifts(found, len(data.items)),
            weights=np.array([0.0, 1.0, 0.0, 0.0, 0.0]),
            taken_type=taken_type,
            period_seconds=period,
        )
        progress(0.7, "counted what follows what")
        # A lift that had seen the occasion it explains would look better than it is: each half explains the other.
        half = (rng.random(len(data.users)) < 0.5)[found.user]  # noqa: PLR2004 - a half
        rows: list[Floats] = []
        labels: list[Floats] = []
        for own in (half, ~half):
            teacher, taught = found.where(~own), found.where(own)
            rows.append(_features(taught, counted.odds, _lifts(teacher, len(data.items))))
            labels.append(taught.taken.astype(np.float64))
        weights = _logistic(np.concatenate(rows), np.concatenate(labels))
        progress(1.0, "weighed it")
        return Propensity(**{**counted.__dict__, "weights": weights})


@dataclass(frozen=True)
class Propensity:
    """The fitted model over the actions `items`.

    `rated` tells which actions had enough occasions for a propensity; `odds` are the log-odds of being taken, per
    action; `lifts[b, t, a]` how much they rise for `a` after `b` was taken (t = 1) or not (t = 0). `weights` are those
    of 1, rate, own, again and alike. `taken_type` is the number of the event type TAKEN, -1 where nothing was taken.
    """

    items: Vocabulary
    rated: Ints
    odds: Floats
    lifts: Floats
    weights: Floats
    taken_type: int
    period_seconds: int

    def score(self, history: History, candidates: Ints) -> Floats:
        """Propensities from 0 to 1; 0 for actions without enough occasions."""
        found = self.occasions(np.zeros(len(history), np.int64), history)
        latest = found.where(np.arange(len(found)) >= len(found) - LATEST)
        residual = latest.taken - _sigmoid(self.odds[latest.action])
        size = len(self.items)
        again = np.bincount(latest.action, residual, size) / (np.bincount(latest.action, minlength=size) + _AGAIN_PRIOR)
        lifts = self.lifts[latest.action, latest.taken.astype(np.int64)].astype(np.float64)
        lifts[np.arange(len(latest)), latest.action] = 0.0
        others = len(latest) - np.bincount(latest.action, minlength=size)
        alike = lifts.sum(axis=0) / (others + _ALIKE_PRIOR)
        own = np.full(size, residual.sum() / (len(latest) + _OWN_PRIOR))
        features = np.column_stack([self.odds, own, again, alike])[candidates]
        return self.propensity(features) * self.rated[candidates]

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """One after the other: the actions are few."""
        everything = np.arange(len(self.items))
        return np.array([self.score(history, everything) for history in histories]).reshape(-1, len(self.items))

    def occasions(self, user: Ints, events: History) -> Occasions:
        """The occasions among these events, sorted by user and time."""
        taken = events.event_types == self.taken_type
        return occasions_of(user, events.items, events.timestamps, taken & (self.taken_type >= 0), self.period_seconds)

    def foretold(self, found: Occasions) -> Floats:
        """The propensity of each occasion as it was before it came up, from the earlier ones of its user."""
        return self.propensity(_features(found, self.odds, self.lifts)) * self.rated[found.action]

    def propensity(self, features: Floats) -> Floats:
        """Probabilities of rows of rate, own, again and alike."""
        return _sigmoid(self.weights[0] + features @ self.weights[1:])

    def save(self, folder: Path) -> None:
        """Five files."""
        self.items.save(folder / "items.json")
        for name in ("rated", "odds", "lifts", "weights"):
            np.save(folder / f"{name}.npy", getattr(self, name))
        plan = {"taken_type": self.taken_type, "period_seconds": self.period_seconds}
        (folder / "plan.json").write_bytes(orjson.dumps(plan))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same model; a thousand actions have eight megabytes of lifts, so nothing needs mapping."""
        arrays = {name: np.load(folder / f"{name}.npy") for name in ("rated", "odds", "lifts", "weights")}
        plan = orjson.loads((folder / "plan.json").read_bytes())
        return cls(items=Vocabulary.load(folder / "items.json"), **arrays, **plan)


def _rated(data: TrainingData, taken_type: int) -> Ints:
    """1 for the actions with enough events of both kinds in the last weeks, else 0."""
    size = len(data.items)
    if not len(data.item):
        return np.zeros(size, np.int8)
    late = data.timestamp > data.timestamp.max() - WEEKS * 7 * DAY_SECONDS
    taken = data.event_type == taken_type
    enough = (np.bincount(data.item[late & taken], minlength=size) >= NEEDED) & (
        np.bincount(data.item[late & ~taken], minlength=size) >= NEEDED
    )
    return enough.astype(np.int8)


def _odds(found: Occasions, size: int) -> Floats:
    """Log-odds of being taken per action, drawn to those of all actions where occasions are few."""
    overall = (found.taken.sum() + 1.0) / (len(found) + 2.0)
    taken = np.bincount(found.action, found.taken, size)
    return _logit((taken + _RATE_PRIOR * overall) / (np.bincount(found.action, minlength=size) + _RATE_PRIOR))


def _lifts(found: Occasions, size: int) -> Floats:
    """`[size, 2, size]`: how much the log-odds of the last action rise after the first was taken or not."""
    seen, taken = np.zeros(2 * size * size), np.zeros(2 * size * size)
    for before, after in earlier_pairs(found):
        cell = (found.action[before] * 2 + found.taken[before]) * size + found.action[after]
        seen += np.bincount(cell, minlength=len(seen))
        taken += np.bincount(cell, found.taken[after], len(seen))
    odds = _odds(found, size)
    rate = np.tile(_sigmoid(odds), 2 * size)
    lifts = _logit((taken + _PAIR_PRIOR * rate) / (seen + _PAIR_PRIOR)) - np.tile(odds, 2 * size)
    return lifts.astype(np.float32).reshape(size, 2, size)


def _features(found: Occasions, odds: Floats, lifts: Floats) -> Floats:
    """Rate, own, again and alike of each occasion, from the latest earlier ones of its user."""
    size = len(found)
    residual = found.taken - _sigmoid(odds[found.action])
    own, again, alike = np.zeros(size), np.zeros(size), np.zeros(size)
    count, same, others = np.zeros(size), np.zeros(size), np.zeros(size)
    for before, after in earlier_pairs(found):
        equal = found.action[before] == found.action[after]
        own[after] += residual[before]
        count[after] += 1
        again[after] += residual[before] * equal
        same[after] += equal
        lift = lifts[found.action[before], found.taken[before].astype(np.int64), found.action[after]]
        alike[after] += np.where(equal, 0.0, lift)
        others[after] += ~equal
    return np.column_stack(
        [
            odds[found.action],
            own / (count + _OWN_PRIOR),
            again / (same + _AGAIN_PRIOR),
            alike / (others + _ALIKE_PRIOR),
        ]
    )


def _logistic(features: Floats, labels: Floats) -> Floats:
    """Weights of 1 and of the features by Newton's method; a ridge draws them to the action's own rate alone."""
    rows = np.column_stack([np.ones(len(features)), features])
    start = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    weights = start.copy()
    for _ in range(_STEPS):
        expected = _sigmoid(rows @ weights)
        slope = rows.T @ (expected - labels) + _RIDGE * (weights - start)
        curve = (rows.T * (expected * (1 - expected))) @ rows + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:  # noqa: PLR2004 - far below what a score shows
            break
    return weights


def _sigmoid(odds: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return chance


def _logit(chance: Floats) -> Floats:
    odds: Floats = np.log(chance) - np.log1p(-chance)
    return odds
