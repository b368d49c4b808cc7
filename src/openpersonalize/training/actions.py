"""Actions instead of items: their interactions are read from their own dataset, and a model of them is a classifier.

The minimums are those of item interactions, as with every recipe; action interactions may be few or none, then no
action has a propensity yet.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from openpersonalize.errors import JobFailed
from openpersonalize.recipes.data import Floats, History, Ints, TrainingData
from openpersonalize.recipes.models import Progress
from openpersonalize.training.encoding import Source, batches, dictionary, encode
from openpersonalize.training.events import Events, Limits, capped, numbered, read_events, require, require_few_types
from openpersonalize.training.selection import Selection
from openpersonalize.training.split import Split

if TYPE_CHECKING:
    import pyarrow as pa

    from openpersonalize.recipes.models.propensity import Propensity

TAKES = 0.5
"""From this propensity on, a user is expected to take the action."""

_COLUMNS = ("USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP")


def read_actions(
    sources: Mapping[str, Source], selection: Selection, limits: Limits, progress: Progress
) -> TrainingData:
    """Action interactions as events whose items are actions; actions that nobody met are there without events.

    At most `limits.most_items` actions, those with most interactions. JobFailed when item interactions are too few.
    """
    progress(0.0, "reading interactions")
    if "ACTIONS" not in sources:
        raise JobFailed("The dataset group has no Actions dataset.")
    items = read_events(sources["INTERACTIONS"], selection)
    require_few_types(items.types, sources["INTERACTIONS"].schema, limits)
    require(np.bincount(items.user), limits, selection.event_types)
    progress(0.5, "reading action interactions")
    events = capped(_events(sources.get("ACTION_INTERACTIONS")), limits)
    ids = _all_ids(events.item_ids, sources["ACTIONS"])
    kept = np.bincount(events.item, minlength=len(ids)) > 0
    kept[np.flatnonzero(~kept)[: limits.most_items - int(kept.sum())]] = True
    data = numbered(events, ids, kept, weighted=False)
    progress(1.0, f"read {len(data.item)} interactions of {len(data.users)} users with {len(data.items)} actions")
    return data


def _events(source: Source | None) -> Events:
    parts = [] if source is None else list(_parts(source))
    user_ids, user = encode(part[0] for part in parts)
    action_ids, action = encode(part[1] for part in parts)
    types, kind = encode(part[2] for part in parts)
    timestamp = np.concatenate([np.zeros(0, np.int64), *(part[3] for part in parts)])
    return Events(
        user_ids=user_ids,
        item_ids=action_ids,
        types=types,
        user=user,
        item=action,
        type=kind,
        timestamp=timestamp,
        weight=np.ones(len(timestamp), np.float32),
    )


def _parts(source: Source) -> Iterator[tuple["pa.Array", "pa.Array", "pa.Array", Ints]]:
    import pyarrow.compute as pc

    for rows in batches(source.snapshot.arrow(_COLUMNS)):
        whole = rows.filter(pc.and_(pc.is_valid(rows["USER_ID"]), pc.is_valid(rows["TIMESTAMP"])))
        user, action, kind = (dictionary(whole[name]) for name in _COLUMNS[:3])
        yield user, action, kind, whole["TIMESTAMP"].to_numpy(zero_copy_only=False)


def _all_ids(met: "pa.Array", actions: Source) -> "pa.Array":
    """The actions with interactions, then those that only the Actions dataset names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    named = [rows["ACTION_ID"].cast(met.type) for rows in batches(actions.snapshot.arrow(["ACTION_ID"]))]
    others = pa.chunked_array(named, met.type).combine_chunks()
    return pa.concat_arrays([met, others.filter(pc.invert(pc.is_in(others, value_set=met)))])


def held_back(data: TrainingData, parts: Split) -> TrainingData:
    """The users of `data` whom the training part does not have."""
    trained = parts.train.users.numbers
    return data.only(np.flatnonzero([user not in trained for user in data.users.ids]).astype(np.int64))


def measured(model: "Propensity", asked: TrainingData) -> tuple[dict[str, float], int]:
    """Precision, recall and the area under the ROC curve per action, averaged; and how many occasions were foretold.

    Each occasion of a user not trained on is foretold from the user's earlier ones. An action whose occasions all ended
    alike has no curve and counts 0 for the others; all is 0 where there was nothing to foretell.
    """
    found = model.occasions(asked.user, History(asked.item, asked.event_type, asked.timestamp))
    chances = model.foretold(found)
    rows = [
        _classified(chances[found.action == action], found.taken[found.action == action])
        for action in np.flatnonzero(model.rated)
        if (found.action == action).any()
    ]
    precision, recall, area = (_mean([row[place] for row in rows]) for place in range(3))
    coverage = float(model.rated.sum() / len(model.items)) if len(model.items) else 0.0
    told = {"area_under_curve": area, "coverage": coverage, "precision": precision, "recall": recall}
    return {name: round(value, 4) for name, value in told.items()}, len(found)


def _classified(chances: Floats, taken: npt.NDArray[np.bool_]) -> tuple[float, float, float | None]:
    """Precision, recall, area."""
    if taken.all() or not taken.any():
        return 0.0, 0.0, None
    expected = chances >= TAKES
    hits = float((expected & taken).sum())
    return hits / max(1, int(expected.sum())), hits / float(taken.sum()), area_under_curve(chances, taken)


def area_under_curve(chances: Floats, taken: npt.NDArray[np.bool_]) -> float:
    """How often a taken one has a higher chance than one not taken, ties counting half.

    >>> area_under_curve(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    _, places, counts = np.unique(chances, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    yes, no = int(taken.sum()), int((~taken).sum())
    return float((ranks[taken].sum() - yes * (yes + 1) / 2) / (yes * no))


def _mean(values: list[float | None]) -> float:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else 0.0
