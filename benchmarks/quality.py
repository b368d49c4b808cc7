"""How well the sequence model predicts a user's next item, beside the baselines of the same run.

    python -m benchmarks.quality            MovieLens 100K, three seeds: minutes
    python -m benchmarks.quality --slow     Amazon Video Games too: half an hour

Leave one out: a user's last event is asked for, the one before it is left alone, everything older is learned from; the
history at the question is everything before the last event. All items are ranked, without those the user has met (and
with them in the last column); ties count against us. A training chooses on events that it holds out of its own data,
never on these; the defaults themselves were settled with these events in view, see LOG.md.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import baselines
from benchmarks.tables import markdown
from openpersonalize.recipes.data import Categories, Column, Floats, History, Ints, Numbers, TrainingData, Vocabulary
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.sequence import Sequence as SequenceRecipe

DATA = Path(os.environ.get("OPENPERSONALIZE_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (1, 2, 3)
TOP = 10
AT_ONCE = 256

Row = dict[str, object]


def run(data_dir: Path, seeds: Sequence[int] = SEEDS, *, slow: bool = False) -> list[dict[str, object]]:
    """A row for each baseline and each seed of the model, per data set."""
    rows = list(_rows("MovieLens 100K", movielens(data_dir / "ml-100k"), seeds))
    if slow:
        rows += _rows("Video Games", video_games(data_dir / "amazon-video-games.txt"), seeds[:1])
    return rows


def _rows(name: str, data: TrainingData, seeds: Sequence[int]) -> Iterator[Row]:
    learned = data.head(data.lengths - 2)
    for baseline in baselines.fitted(learned):
        found = measure(data, _of_items(baseline.answer))
        yield {"data": name, "model": baseline.name, "seed": "", **found, "seconds": round(baseline.seconds, 1)}
    means = []
    for seed in seeds:
        started = time.perf_counter()
        model = SequenceRecipe().fit(learned, np.random.default_rng(seed), quiet)
        seconds = time.perf_counter() - started
        found = measure(data, model.scores_many)
        means.append([*found.values(), seconds])
        yield {"data": name, "model": "sequence", "seed": seed, **found, "seconds": round(seconds, 1)}
    names = [*found, "seconds"]
    mean = dict(zip(names, [round(float(value), 4) for value in np.mean(means, axis=0)], strict=True))
    yield {"data": name, "model": "sequence, mean", "seed": "", **mean}


def _of_items(answer: baselines.Answer) -> Callable[[Sequence[History]], Floats]:
    return lambda histories: answer([history.items for history in histories])


def measure(data: TrainingData, scores_many: Callable[[Sequence[History]], Floats]) -> dict[str, float]:
    """NDCG@10 and hit rate among unseen items, and NDCG@10 among all, over every user's last event."""
    unseen, everything = [], []
    order = np.argsort(data.lengths, kind="stable")
    for start in range(0, len(order), AT_ONCE):
        whole = [data.history(int(user)) for user in order[start : start + AT_ONCE]]
        histories = [History(own.items[:-1], own.event_types[:-1], own.timestamps[:-1]) for own in whole]
        targets = np.array([own.items[-1] for own in whole])
        scores = np.array(scores_many(histories), np.float32)
        everything.append(ranks(scores, targets))
        own = scores[np.arange(len(targets)), targets]
        for row, history in zip(scores, histories, strict=True):
            row[history.items] = -np.inf
        scores[np.arange(len(targets)), targets] = own
        unseen.append(ranks(scores, targets))
    places = np.concatenate(unseen)
    return {
        "NDCG@10": round(ndcg(places), 4),
        "HR@10": round(float((places < TOP).mean()), 4),
        "NDCG@10, all items": round(ndcg(np.concatenate(everything)), 4),
    }


def ranks(scores: Floats, targets: Ints) -> Ints:
    """How many items stand before each target, or beside it."""
    own = scores[np.arange(len(targets)), targets][:, None]
    places: Ints = (scores > own).sum(1) + (scores == own).sum(1) - 1
    return places


def ndcg(places: Ints) -> float:
    """With one relevant item: the discount of its place, 0 beyond ten."""
    return float(np.where(places < TOP, 1 / np.log2(places + 2), 0.0).mean())


def movielens(folder: Path) -> TrainingData:
    """MovieLens 100K in RecBole's files: 943 users, 1682 films with genres and year."""
    rows = [line.split("\t") for line in (folder / "ml-100k.inter").read_text().splitlines()[1:]]
    rows.sort(key=lambda row: (int(row[0]), float(row[3])))
    films = {row[0]: row for row in map(_fields, (folder / "ml-100k.item").read_text().splitlines()[1:])}
    ids = Vocabulary(tuple(sorted({row[1] for row in rows}, key=int)))
    years = [films[film][2] for film in ids.ids]
    columns: tuple[Column, ...] = (
        categories("GENRES", [films[film][3].split() for film in ids.ids]),
        Numbers("RELEASE_YEAR", np.array([float(year) if year.isdigit() else np.nan for year in years])),
    )
    users = [row[0] for row in rows]
    times = np.array([int(row[3]) for row in rows])
    return events(users, np.array([ids.numbers[row[1]] for row in rows]), times, ids, columns)


def _fields(line: str) -> list[str]:
    return line.split("\t")


def video_games(file: Path) -> TrainingData:
    """Amazon Video Games reviews: 30 thousand users, 24 thousand items, in order but without times; no metadata."""
    pairs = [line.split() for line in file.read_text().splitlines()]
    of_user: dict[str, list[str]] = {}
    for user, item in pairs:
        of_user.setdefault(user, []).append(item)
    long = {user: own for user, own in of_user.items() if len(own) > 2}
    ids = Vocabulary(tuple(sorted({item for own in long.values() for item in own}, key=int)))
    users = [user for user, own in long.items() for _ in own]
    items = np.array([ids.numbers[item] for own in long.values() for item in own])
    return events(users, items, np.zeros(len(items), np.int64), ids)


def categories(name: str, rows: Sequence[Sequence[str]]) -> Categories:
    """A categorical column from the values of each row."""
    values = Vocabulary(tuple(sorted({value for row in rows for value in row})))
    indices = np.array([values.numbers[value] for row in rows for value in row], np.int64)
    return Categories(name, values, np.concatenate([[0], np.cumsum([len(row) for row in rows])]), indices)


def events(
    users: Sequence[str], items: Ints, times: Ints, ids: Vocabulary, columns: tuple[Column, ...] = ()
) -> TrainingData:
    """Events that already stand in the order of users and times."""
    names = tuple(dict.fromkeys(users))
    numbers = Vocabulary(names).numbers
    lengths = np.bincount([numbers[user] for user in users], minlength=len(names))
    return TrainingData(
        users=Vocabulary(names),
        items=ids,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        item=items,
        timestamp=times,
        event_type=np.zeros(len(items), np.int64),
        item_columns=columns,
    )


if __name__ == "__main__":
    print(markdown(run(DATA, slow="--slow" in sys.argv)))
