from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from openpersonalize.attribution.backfill import Point, check, differences, recompute
from openpersonalize.attribution.events import UNDEFINED, Period
from tests.attribution import shop as shops
from tests.attribution.shop import END, HOME, START, Shop

PERIOD = Period(START, END)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return shops.at_random(np.random.default_rng(11))


def test_recomputed_points_are_what_counting_row_by_row_gives(shop: Shop) -> None:
    rows, _ = shops.counted(shop)
    expected: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    for row in rows:
        for metric in ("clicks",) if row.kind == "click" else ("revenue", "margin"):
            expected[metric, row.source, row.time // 900 * 900] += row.values[metric]
    found = {(point.metric, point.source, point.start): point.value for point in recompute(shop.inputs(), PERIOD)}
    assert found == expected


def test_what_was_published_as_it_is_now_shows_no_difference(shop: Shop) -> None:
    whole = Period(START // 900 * 900, -(-END // 900) * 900)
    points = recompute(shop.inputs(), whole)
    published = [replace(point, metric=point.metric.upper()) for point in points]
    outside = Point("CLICKS", "X", END + 90_000, Decimal(5))
    assert check(shop.inputs(), PERIOD, [*published, outside]) == []


def test_sources_that_could_have_no_name_are_looked_for_where_they_were_published(shop: Shop) -> None:
    points = recompute(shop.inputs(), Period(START // 900 * 900, -(-END // 900) * 900))
    named = {HOME, UNDEFINED}
    published = [point if point.source in named else replace(point, source=UNDEFINED) for point in points]
    assert {point.source for point in points} - named
    assert check(shop.inputs(), PERIOD, published, named={HOME}) == []
    assert check(shop.inputs(), PERIOD, published) != []


def test_each_difference_is_listed_with_both_values() -> None:
    new = [
        Point("clicks", "A", 900, Decimal(3)),
        Point("clicks", "A", 1800, Decimal(2)),
        Point("c", "A", 0, Decimal(0)),
    ]
    old = [
        Point("CLICKS", "A", 900, Decimal(2)),
        Point("CLICKS", "B", 900, Decimal(1)),
        Point("SALES", "A", 900, Decimal(7)),
    ]
    found = [
        (row.window.timestamp(), row.source, row.metric, row.published, row.recomputed) for row in differences(old, new)
    ]
    assert found == [
        (900, "A", "clicks", 2, 3),
        (900, "A", "SALES", 7, None),
        (900, "B", "clicks", 1, None),
        (1800, "A", "clicks", None, 2),
    ]


def test_points_of_one_window_add_up() -> None:
    old = [Point("CLICKS", "A", 900, Decimal(2)), Point("CLICKS", "A", 900, Decimal("0.5"))]
    assert differences(old, [Point("clicks", "A", 900, Decimal("2.5"))]) == []
