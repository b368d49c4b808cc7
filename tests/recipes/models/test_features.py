from pathlib import Path

import numpy as np
import pytest

from openpersonalize.recipes.data import Categories, Column, Numbers, Vocabulary
from openpersonalize.recipes.models.features import FeatureEncoder


def genres(*rows: str) -> Categories:
    split = [row.split("|") if row else [] for row in rows]
    values = Vocabulary(tuple(sorted({value for row in split for value in row})))
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in split])])
    return Categories("GENRE", values, indptr, np.array([values.numbers[value] for row in split for value in row]))


def test_an_item_has_the_mean_of_its_values_and_rare_ones_share_a_row() -> None:
    column = genres("drama|noir", "drama", "noir", "odd|drama", "")
    encoder = FeatureEncoder.fit([column], np.arange(5))
    assert encoder.categories[0].values == ("drama", "noir")
    assert encoder.encode([column], 5).sparse.toarray().tolist() == [
        [0, 0.5, 0.5],
        [0, 1, 0],
        [0, 0, 1],
        [0.5, 0.5, 0],
        [0, 0, 0],
    ]


def test_values_met_after_training_count_as_rare() -> None:
    encoder = FeatureEncoder.fit([genres("drama", "drama")], np.arange(2))
    assert encoder.encode([genres("opera")], 1).sparse.toarray().tolist() == [[1, 0]]


def test_numbers_become_normal_and_missing_ones_are_told() -> None:
    values = np.append(np.exp(np.random.default_rng(1).normal(size=5000)), np.nan)
    column = Numbers("LENGTH", values)
    dense = FeatureEncoder.fit([column], np.arange(5001)).encode([column], 5001).dense
    assert dense[:-1, 0].mean() == pytest.approx(0.0, abs=0.02)
    assert dense[:-1, 0].std() == pytest.approx(1.0, abs=0.05)
    assert dense[-1].tolist() == [0, 0, 1]
    assert dense[values.argsort()[:5000], 0].tolist() == sorted(dense[:-1, 0].tolist())


def test_a_number_that_repeats_stands_in_the_middle_of_its_share() -> None:
    column = Numbers("LENGTH", np.array([1.0] * 50 + [2.0] * 50))
    dense = FeatureEncoder.fit([column], np.arange(100)).encode([column], 100).dense
    assert dense[0, 0] < -0.5
    assert dense[-1, 0] > 0.5


def test_prices_are_taken_by_their_logarithm() -> None:
    column = Numbers("PRICE", np.array([0.0, 10.0, 1000.0]))
    assert FeatureEncoder.fit([column], np.arange(3)).numbers[0].quantiles[-1] < 7


@pytest.mark.parametrize(
    "column", [Numbers("SAME", np.full(3, 7.0)), Numbers("CREATION_TIMESTAMP", np.arange(3.0)), genres("", "", "")]
)
def test_columns_that_say_nothing_are_left_out(column: Column) -> None:
    encoder = FeatureEncoder.fit([column], np.arange(3))
    features = encoder.encode([column], 3)
    assert (features.values, features.dense.shape[1], features.columns) == (0, 0, 0)


def test_a_column_that_a_new_item_lacks_counts_as_missing() -> None:
    encoder = FeatureEncoder.fit([genres("a", "a"), Numbers("LENGTH", np.array([1.0, 2.0]))], np.arange(2))
    features = encoder.encode([], 1)
    assert features.sparse.toarray().tolist() == [[0, 0]]
    assert features.dense.tolist() == [[0, 0, 1]]


def test_save_and_load_change_nothing(tmp_path: Path) -> None:
    encoder = FeatureEncoder.fit([genres("a", "a"), Numbers("LENGTH", np.array([1.0, 2.0]))], np.arange(2))
    encoder.save(tmp_path)
    assert FeatureEncoder.load(tmp_path) == encoder
