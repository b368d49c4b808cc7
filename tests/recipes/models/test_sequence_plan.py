import numpy as np
import pytest

from openpersonalize.recipes.data import TrainingData, Vocabulary
from openpersonalize.recipes.models.sequence import Sequence
from openpersonalize.recipes.models.sequence_plan import heads_for, plan


def data(users: int, length: int, items: int = 100) -> TrainingData:
    item = np.arange(users * length) % items
    return TrainingData(
        users=Vocabulary(("u",) * users),
        items=Vocabulary(("i",) * items),
        offsets=np.arange(users + 1) * length,
        item=item,
        timestamp=np.arange(len(item)),
        event_type=np.zeros(len(item), np.int64),
    )


@pytest.mark.parametrize(
    ("users", "width", "heads", "most_epochs"), [(10, 64, 1, 40), (1000, 64, 1, 8), (5000, 128, 2, 12)]
)
def test_more_events_deserve_a_wider_model_and_fewer_epochs(
    users: int, width: int, heads: int, most_epochs: int
) -> None:
    made = plan(data(users, 100))
    assert (made.width, made.heads) == (width, heads)
    assert made.epochs <= most_epochs


def test_the_window_follows_the_longest_histories() -> None:
    assert [plan(data(10, length)).window for length in (2, 21, 100, 1000)] == [16, 24, 104, 200]


def test_a_catalogue_too_large_for_all_is_sampled() -> None:
    assert plan(data(100, 10)).negatives == 0
    assert plan(data(6000, 10, items=6_000)).negatives == 2048
    assert plan(data(6000, 10, items=60_000)).negatives == 8192


def test_what_the_caller_chooses_stands() -> None:
    made = Sequence(width=32, epochs=3.0, window=999, threads=3).plan(data(10, 100))
    assert (made.width, made.heads, made.epochs, made.window, made.threads) == (32, 1, 3.0, 200, 3)


def test_the_empty_plan_is_a_plan() -> None:
    assert plan(data(0, 0)).window == 16


def test_heads_grow_with_the_width() -> None:
    assert [heads_for(width) for width in (64, 96, 144, 192, 256)] == [1, 2, 2, 4, 4]
