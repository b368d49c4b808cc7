"""How good segments are: users ranked by their older events, against who really came to an item later.

Source: https://docs.aws.amazon.com/personalize/latest/dg/working-with-training-metrics.html
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from openpersonalize.recipes import segments
from openpersonalize.recipes.data import Categories, Floats, Ints, TrainingData
from openpersonalize.recipes.ranking import best

LEARNED_SHARE = 0.8
SEGMENT_SHARE = 0.01
MOST_USERS = 20_000
MOST_QUERIES = 500
"""Asked at most, those with most users in the test part first: enough for stable averages, few enough to be quick."""


@dataclass(frozen=True)
class Query:
    """A group of items, and the users (rows) who came to one of them in the test part."""

    items: Ints
    users: Ints


def learned(data: TrainingData) -> TrainingData:
    """The oldest 80 % of each user's events, at least one."""
    return data.head(_learned_lengths(data))


def _learned_lengths(data: TrainingData) -> Ints:
    lengths: Ints = np.minimum(data.lengths, np.maximum(1, np.floor(LEARNED_SHARE * data.lengths).astype(np.int64)))
    return lengths


def queries(data: TrainingData, *, of_attributes: bool) -> list[Query]:
    """What is asked: every item with a user in the test part, or every category of the items."""
    place = np.arange(len(data.item)) - data.offsets[:-1][data.user]
    tested = place >= _learned_lengths(data)[data.user]
    pairs = np.unique(np.stack([data.item[tested], data.user[tested]], axis=1), axis=0)
    groups = _attributes(data) if of_attributes else _items(pairs)
    found = [Query(items, np.unique(pairs[np.isin(pairs[:, 0], items), 1])) for items in groups]
    return sorted((query for query in found if len(query.users)), key=lambda query: -len(query.users))[:MOST_QUERIES]


def _items(pairs: Ints) -> list[Ints]:
    items, counts = np.unique(pairs[:, 0], return_counts=True)
    return [items[place : place + 1] for place in best(counts, MOST_QUERIES)]


def _attributes(data: TrainingData) -> Iterator[Ints]:
    for column in data.item_columns:
        if isinstance(column, Categories):
            rows = np.repeat(np.arange(len(data.items)), np.diff(column.indptr))
            order = np.argsort(column.indices, kind="stable")
            ends = np.cumsum(np.bincount(column.indices, minlength=len(column.values)))
            yield from (group for group in np.split(rows[order], ends[:-1]) if len(group))


def measured(
    model: segments.Model, data: TrainingData, asked: Sequence[Query], progress: Callable[[float], None]
) -> tuple[dict[str, float], float]:
    """The three metrics of a model that has learned from `learned(data)`, and the weight of activity best for them.

    A segment is the best 1 % of all users; of more than 20,000 users so many, evenly spread, are looked at.
    """
    users = np.unique(np.linspace(0, len(data.users) - 1, min(MOST_USERS, len(data.users))).astype(np.int64))
    older = learned(data)
    histories = [older.history(user) for user in users]
    shares = segments.log_shares(model, histories, [query.items for query in asked], progress)
    rate = segments.rates(histories)
    relevant = [np.flatnonzero(np.isin(users, query.users)) for query in asked]
    tried = {weight: _metrics(shares, rate, weight, relevant) for weight in segments.WEIGHTS}
    chosen = max(tried, key=lambda weight: tried[weight]["hits_at_1_percent"])
    return tried[chosen], chosen


def _metrics(shares: Floats, rate: Floats, weight: float, relevant: Sequence[Ints]) -> dict[str, float]:
    size = max(1, int(np.ceil(SEGMENT_SHARE * len(shares))))
    seen, hits, recalls = np.zeros(len(shares), bool), [], []
    for place, users in enumerate(relevant):
        segment = best(segments.scored(shares[:, place], rate, weight), size)
        seen[segment] = True
        if len(users):
            found = int(np.isin(segment, users).sum())
            hits.append(float(found))
            recalls.append(found / len(users))
    return {
        "coverage": float(seen.mean()),
        "hits_at_1_percent": float(np.mean(hits)) if hits else 0.0,
        "recall_at_1_percent": float(np.mean(recalls)) if recalls else 0.0,
    }
