import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.recipes.models.sequence_windows import Windows, batches, cut, padded, without_echoes

lengths = st.lists(st.integers(0, 60), min_size=1, max_size=12)


def offsets(of: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([[0], np.cumsum(of)]).astype(np.int64)


@given(lengths, st.integers(1, 20), st.integers(0, 5))
def test_each_event_but_a_users_first_is_a_target_exactly_once(of: list[int], longest: int, seed: int) -> None:
    windows = cut(offsets(of), longest, np.random.default_rng(seed))
    targets = np.concatenate([np.arange(s + 1, e) for s, e in zip(windows.starts, windows.ends, strict=True)] + [[]])
    first = offsets(of)[:-1]
    assert sorted(targets.tolist()) == sorted(set(range(sum(of))) - set(first[np.array(of) > 0].tolist()))


@given(lengths, st.integers(1, 20), st.integers(0, 5))
def test_no_window_has_more_inputs_than_the_encoder_sees(of: list[int], longest: int, seed: int) -> None:
    windows = cut(offsets(of), longest, np.random.default_rng(seed))
    assert (windows.inputs >= 1).all()
    assert (windows.inputs <= longest).all()


def test_cuts_of_a_long_history_move_between_epochs() -> None:
    rng = np.random.default_rng(1)
    assert len({tuple(cut(offsets([100]), 20, rng).starts.tolist()) for _ in range(10)}) > 3


@given(lengths, st.integers(20, 80), st.integers(0, 5))
def test_batches_hold_every_window_once_and_no_more_events_than_the_budget(
    of: list[int], tokens: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    windows = cut(offsets(of), 20, rng)
    made = list(batches(windows, tokens, rng))
    assert sorted(start for batch in made for start in batch.starts.tolist()) == sorted(windows.starts.tolist())
    assert all(len(batch.starts) * batch.inputs.max() <= tokens for batch in made)


def test_padding_is_on_the_right() -> None:
    places, real = padded(Windows(np.array([0, 5]), np.array([2, 9])))
    assert places.tolist() == [[0, 0, 0], [5, 6, 7]]
    assert real.tolist() == [[True, False, False], [True, True, True]]


def test_immediate_repeats_of_the_same_item_and_type_collapse_to_the_last() -> None:
    items, types, users = np.array([7, 7, 7, 8, 8]), np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1])
    assert without_echoes(items, types, users).tolist() == [False, True, True, True, True]
    assert without_echoes(items[:0], types[:0], users[:0]).tolist() == []
