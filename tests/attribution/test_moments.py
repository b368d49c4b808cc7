from collections import defaultdict
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.attribution.moments import Looks, Moments, added, keys, nothing, of_units

LOOKS = 5
VALUES = st.integers(-50, 50).map(lambda number: number / 4)
ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, LOOKS - 1), st.integers(0, 2), VALUES), max_size=60)


def same(one: Moments, other: Moments) -> bool:
    return all(np.allclose(getattr(one, field.name), getattr(other, field.name)) for field in fields(Moments))


def at_each_look(rows: list[tuple[int, int, int, float]]) -> Moments:
    user, day, x, y = (np.array([row[place] for row in rows]) for place in range(4))
    found = keys((user.astype(np.uint64) + np.uint64(1)) << np.uint64(32), day.astype(np.int64), LOOKS)
    lists, values = added(found, x.astype(np.float64)), added(found, y.astype(np.float64))
    return Looks(lists, [values], LOOKS).at(values)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=30), st.integers(0, 30))
def test_moments_of_disjoint_users_add_up(totals: list[tuple[float, float]], cut: int) -> None:
    x, y = (np.array([pair[place] for pair in totals], np.float64) for place in range(2))
    assert same(of_units(x[:cut], y[:cut]) + of_units(x[cut:], y[cut:]), of_units(x, y))


@given(ROWS)
def test_a_look_sees_every_users_total_until_then(rows: list[tuple[int, int, int, float]]) -> None:
    found = at_each_look(rows) if rows else nothing(LOOKS)
    for look in range(LOOKS):
        lists: dict[int, float] = defaultdict(float)
        value: dict[int, float] = defaultdict(float)
        for day in range(look + 1):
            today = [row for row in rows if row[1] == day]
            for user, _, x, _ in today:
                lists[user] += x
            for user, _, _, y in today:
                value[user] += y if lists[user] else 0.0
        users = [user for user in lists if lists[user]]
        expected = of_units(np.array([lists[user] for user in users]), np.array([value[user] for user in users]))
        assert same(Moments(*(getattr(found, field.name)[look] for field in fields(Moments))), expected)


@given(ROWS, ROWS)
def test_looks_of_disjoint_users_add_up(
    rows: list[tuple[int, int, int, float]], others: list[tuple[int, int, int, float]]
) -> None:
    if not rows or not others:
        return
    shifted = [(user + 100, day, x, y) for user, day, x, y in others]
    assert same(at_each_look(rows) + at_each_look(shifted), at_each_look(rows + shifted))


def test_more_looks_than_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="looks are too many"):
        keys(np.zeros(1, np.uint64), np.zeros(1, np.int64), 2**40)
