"""Who is learned from and who is asked: 90 % of the users train, of the others the newest events are held out.

The source of the shares: https://docs.aws.amazon.com/personalize/latest/dg/working-with-training-metrics.html
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from openpersonalize.recipes.data import History, Ints, TrainingData
from openpersonalize.recipes.metrics import HeldOut

TEST_USERS = 0.1
TEST_EVENTS = 0.1
MOST_ASKED = 20_000
"""Test users that are really asked: enough for four stable decimals, few enough for a catalogue of millions."""


@dataclass(frozen=True)
class Split:
    """The events of the training users; for each test user that is asked, the older events and what came after."""

    train: TrainingData
    histories: tuple[History, ...]
    held_out: HeldOut


def split(data: TrainingData, seed: int) -> Split:
    """The same split for the same data and seed, whatever the order in which records were stored.

    Test users come from those with two events or more: nobody else can be given a history and asked for the rest. The
    gain of a held-out item is the weight of its event, the highest where there are several.
    """
    order = _shuffled(data, seed)
    count = max(1, round(TEST_USERS * len(order))) if len(order) else 0
    asked = data.only(np.sort(order[:count][:MOST_ASKED]))
    tested = np.zeros(len(data.users), bool)
    tested[order[:count]] = True
    inputs = asked.lengths - np.maximum(1, np.round(TEST_EVENTS * asked.lengths).astype(np.int64))
    return Split(data.only(np.flatnonzero(~tested)), _inputs(asked, inputs), _held_out(asked, inputs))


def _shuffled(data: TrainingData, seed: int) -> Ints:
    """The users who can be tested, in an order that depends on their ids and the seed alone."""
    salt = seed.to_bytes(8, "little")
    able = np.flatnonzero(data.lengths > 1)
    keys = [blake2b(data.users.ids[user].encode(), digest_size=8, salt=salt).digest() for user in able]
    numbers = np.frombuffer(b"".join(keys), np.uint64)
    return able[np.argsort(numbers, kind="stable")]


def _inputs(asked: TrainingData, lengths: Ints) -> tuple[History, ...]:
    shortened = asked.head(lengths)
    return tuple(shortened.history(user) for user in range(len(asked.users)))


def _held_out(asked: TrainingData, inputs: Ints) -> HeldOut:
    place = np.arange(len(asked.item)) - asked.offsets[:-1][asked.user]
    newest = place >= inputs[asked.user]
    user, item = asked.user[newest], asked.item[newest]
    gain = np.ones(len(item)) if asked.weight is None else asked.weight[newest]
    order = np.lexsort((-gain, item, user))
    user, item, gain = user[order], item[order], gain[order]
    first = np.ones(len(item), bool)
    first[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    lengths = np.bincount(user[first], minlength=len(asked.users))
    return HeldOut(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), item[first], gain[first])
