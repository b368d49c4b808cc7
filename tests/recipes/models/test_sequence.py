import subprocess
import sys
from collections.abc import Sequence as List
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from openpersonalize.recipes.data import Categories, Column, History, TrainingData, Vocabulary
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.sequence import Sequence, SequenceModel

SMALL = Sequence(width=16, epochs=20.0, threads=1)


def data(users: List[List[int]], items: int, columns: tuple[Column, ...] = (), types: int = 1) -> TrainingData:
    item = np.array([item for user in users for item in user], np.int64)
    return TrainingData(
        users=Vocabulary(tuple(f"u{user}" for user in range(len(users)))),
        items=Vocabulary(tuple(f"i{item}" for item in range(items))),
        offsets=np.concatenate([[0], np.cumsum([len(user) for user in users])]).astype(np.int64),
        item=item,
        timestamp=np.arange(len(item)) * 1000,
        event_type=np.arange(len(item)) % types,
        event_types=tuple(f"t{kind}" for kind in range(types)),
        item_columns=columns,
    )


def checkerboard(users: int = 60, items: int = 20, types: int = 1) -> TrainingData:
    """Even users like even items, odd users odd ones; each has met all but two of them."""
    rng = np.random.default_rng(7)
    return data(
        [(user % 2 + 2 * rng.permutation(items // 2)[:-2]).tolist() for user in range(users)], items, types=types
    )


@cache
def fitted() -> SequenceModel:
    return SMALL.fit(checkerboard(types=2), np.random.default_rng(1), quiet)


def everything(model: SequenceModel) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(len(model.items))


def test_even_users_get_the_even_item_that_was_held_back() -> None:
    events = checkerboard(types=2)
    for user in range(8):
        history = events.history(user)
        held_back = sorted({item for item in range(20) if item % 2 == user % 2} - set(history.items.tolist()))
        unseen = np.setdiff1d(np.arange(20), history.items)
        best = unseen[np.argsort(-fitted().score(history, unseen))][:2]
        assert sorted(best.tolist()) == held_back


def test_same_data_and_seed_give_the_same_model() -> None:
    again = SMALL.fit(checkerboard(types=2), np.random.default_rng(1), quiet)
    assert again.graph == fitted().graph
    assert again.vectors.tobytes() == fitted().vectors.tobytes()
    assert again.plan == fitted().plan
    other = SMALL.fit(checkerboard(types=2), np.random.default_rng(2), quiet)
    assert other.graph != fitted().graph


def test_save_and_load_change_nothing(tmp_path: Path) -> None:
    model = fitted()
    model.save(tmp_path)
    loaded = SequenceModel.load(tmp_path)
    for history in (History.of([1, 3, 5]), History.of([4]), History.empty()):
        assert loaded.score(history, everything(model)).tolist() == model.score(history, everything(model)).tolist()
    assert loaded.items == model.items
    assert loaded.plan == model.plan
    assert loaded.prior.weights == model.prior.weights


def test_many_histories_are_answered_like_one_by_one() -> None:
    histories = [History.of([2, 4, 6, 8]), History.empty(), History.of([1]), History.of(list(range(1, 19, 2)))]
    many = fitted().scores_many(histories)
    for row, history in zip(many, histories, strict=True):
        np.testing.assert_allclose(fitted().score(history, everything(fitted())), row, atol=1e-5)


def test_somebody_without_history_gets_what_most_users_met() -> None:
    scores = fitted().score(History.empty(), everything(fitted()))
    users = fitted().user_counts
    assert np.exp(scores).tolist() == pytest.approx(np.maximum(users, 0.5).tolist())


def test_unknown_event_types_are_nothing_and_known_ones_matter() -> None:
    items = np.array([2, 4, 6])
    of = [
        fitted().score(History(items, np.full(3, kind), np.arange(3)), everything(fitted())) for kind in (-1, 0, 1, 99)
    ]
    assert of[0].tolist() == of[3].tolist()
    assert of[1].tolist() != of[2].tolist()


def test_a_history_longer_than_the_window_is_answered() -> None:
    assert np.isfinite(fitted().score(History.of([2, 4] * 200), everything(fitted()))).all()


def test_a_sampled_loss_learns_the_same_lesson() -> None:
    model = replace(SMALL, negatives=8, prior=False).fit(checkerboard(), np.random.default_rng(1), quiet)
    scores = model.score(History.of([2, 4, 6, 8]), everything(model))
    assert scores[::2].min() > scores[1::2].max()


def parity(items: int) -> Categories:
    return Categories("SIDE", Vocabulary(("even", "odd")), np.arange(items + 1), np.arange(items) % 2)


def test_an_item_that_nobody_has_met_is_ranked_by_its_metadata() -> None:
    cold = replace(
        checkerboard(), items=Vocabulary(tuple(f"i{item}" for item in range(22))), item_columns=(parity(22),)
    )
    model = SMALL.fit(cold, np.random.default_rng(1), quiet)
    even, odd = model.score(History.of([2, 4, 6, 8]), np.array([20, 21]))
    assert even > odd
    even, odd = model.score(History.of([1, 3, 5, 7]), np.array([20, 21]))
    assert odd > even
    later = model.extended(["new"], [Categories("SIDE", Vocabulary(("odd",)), np.array([0, 1]), np.array([0]))])
    assert later.items.ids[-1] == "new"
    history = History.of([1, 3, 5, 7])
    assert later.score(history, np.array([22])) == pytest.approx(later.score(history, np.array([21])), abs=1e-5)
    assert later.score(history, np.arange(22)).tolist() == pytest.approx(model.score(history, np.arange(22)).tolist())


def test_progress_is_told_in_order_and_may_stop_the_training() -> None:
    told: list[float] = []

    def stop(share: float, _text: str) -> None:
        told.append(share)
        if share > 0:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        replace(SMALL, epochs=1e6).fit(checkerboard(), np.random.default_rng(1), stop)
    shares: list[float] = []
    SMALL.fit(checkerboard(), np.random.default_rng(1), lambda share, _text: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_budget_that_does_not_suffice_cuts_the_plan_and_says_so() -> None:
    model = replace(SMALL, epochs=1e6, budget_seconds=1.0).fit(checkerboard(), np.random.default_rng(1), quiet)
    assert 0 < model.plan["cut"] < 1
    assert fitted().plan["cut"] == 1


@pytest.mark.parametrize("users", [[[0, 1], [1, 0]], [[0], [1]], [[0, 0], [0]], [[0, 1, 2], []]])
def test_hardly_any_data_still_gives_a_model(users: list[list[int]]) -> None:
    model = SMALL.fit(data(users, 4), np.random.default_rng(1), quiet)
    for history in (History.of([0, 1]), History.of([3]), History.empty()):
        assert np.isfinite(model.score(history, np.arange(4))).all()


def test_weights_of_events_decide_what_is_learned() -> None:
    rng = np.random.default_rng(3)
    users = [[0, int(rng.integers(1, 3))] for _ in range(200)]
    events = data(users, 3)
    weighted = replace(events, weight=np.where(events.item == 2, 1.9, 0.1))
    model = replace(SMALL, prior=False).fit(weighted, np.random.default_rng(1), quiet)
    one, two = model.score(History.of([0]), np.array([1, 2]))
    assert two - one > 1


def test_serving_never_loads_torch(tmp_path: Path) -> None:
    fitted().save(tmp_path)
    program = f"""
import sys
from pathlib import Path
import openpersonalize.recipes.models.sequence
from openpersonalize.recipes.models.sequence_model import SequenceModel
from openpersonalize.recipes.data import History
import numpy as np
model = SequenceModel.load(Path({str(tmp_path)!r}))
model.score(History.of([2, 4]), np.arange(20))
print(sorted(name for name in ("torch", "onnx") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_goes_on_with_more_users_and_more_items() -> None:
    hyper = Sequence(threads=1, epochs=2.0)
    board = checkerboard()
    first = hyper.fit(board.only(np.arange(len(board.users) - 4)), np.random.default_rng(1), quiet)
    whole = hyper.go_on(first, board, np.random.default_rng(2), quiet)
    assert whole.items == board.items
    assert whole.prior.weights == first.prior.weights
    assert whole.plan["continued_epochs"] == 1.0
    again = hyper.go_on(first, board, np.random.default_rng(2), quiet)
    history = board.history(len(board.users) - 1)
    np.testing.assert_array_equal(whole.score(history, everything(whole)), again.score(history, everything(again)))
