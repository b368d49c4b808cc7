from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from openpersonalize.clock import StillClock
from openpersonalize.storage import sql
from openpersonalize.storage.points import Point, Points, total

NAMESPACE = "AWS/Personalize"
DIMENSIONS = (("EventAttributionSource", "HOME_PAGE"), ("DatasetGroupArn", "arn:aws:personalize:eu-west-1:1:d/films"))
CLICKS = Point(
    account="111122223333",
    region="eu-west-1",
    namespace=NAMESPACE,
    name="CLICKS",
    dimensions=DIMENSIONS,
    timestamp=900,
    value=Decimal(3),
    count=Decimal(3),
    minimum=Decimal(1),
    maximum=Decimal(1),
)


@pytest.fixture
def points(database_url: str) -> Iterator[Points]:
    engine = sql.engine(database_url)
    yield Points.open(engine, StillClock(datetime(2026, 1, 1, tzinfo=UTC)))
    engine.dispose()


def read(points: Points, like: Point = CLICKS, start: int = 0, end: int = 10_000) -> list[Point]:
    return points.read(like.series, start, end)


def test_a_point_is_read_as_it_was_put(points: Points) -> None:
    odd = replace(CLICKS, timestamp=1800, value=Decimal("0.1000000000000000055511151231257827"), unit="Seconds")
    points.put([odd, CLICKS])
    assert read(points) == [CLICKS, odd]


def test_sums_are_exact(points: Points) -> None:
    points.put([replace(CLICKS, value=Decimal(text)) for text in ("0.1", "1e300", "0.2", "-1e300")])
    assert total(point.value for point in read(points)) == Decimal("0.3")


def test_a_single_sample_is_its_own_smallest_and_largest(points: Points) -> None:
    points.put([replace(CLICKS, value=Decimal(7), count=Decimal(1), minimum=None, maximum=None)])
    (found,) = read(points)
    assert [found.least, found.most, found.count] == [Decimal(7), Decimal(7), Decimal(1)]


def test_the_end_of_a_time_is_left_out(points: Points) -> None:
    points.put([replace(CLICKS, timestamp=time) for time in (899, 900, 1799, 1800)])
    assert [point.timestamp for point in read(points, start=900, end=1800)] == [900, 1799]


def test_dimensions_are_one_series_in_any_order_and_no_other(points: Points) -> None:
    turned = replace(CLICKS, dimensions=DIMENSIONS[::-1])
    points.put([CLICKS])
    points.put([turned, replace(CLICKS, dimensions=DIMENSIONS[:1])])
    assert len(read(points, turned)) == 2
    assert len(points.names(CLICKS.account, CLICKS.region)) == 2
    assert points.names(CLICKS.account, CLICKS.region)[0].dimensions == DIMENSIONS


def test_accounts_and_regions_do_not_see_each_other(points: Points) -> None:
    points.put([CLICKS, replace(CLICKS, account="444455556666"), replace(CLICKS, region="us-east-1")])
    assert [read(points, one) for one in (CLICKS, replace(CLICKS, account="444455556666"))] == [
        [CLICKS],
        [replace(CLICKS, account="444455556666")],
    ]
    assert len(points.names("111122223333", "us-east-1")) == 1


def test_points_belong_to_the_transaction_they_are_added_in(points: Points) -> None:
    def fail() -> None:
        with sql.writing(points.engine) as connection:
            points.add(connection, [CLICKS])
            raise RuntimeError("no commit")

    with pytest.raises(RuntimeError):
        fail()
    assert (read(points), points.names(CLICKS.account, CLICKS.region)) == ([], [])
    with sql.writing(points.engine) as connection:
        points.add(connection, (replace(CLICKS, timestamp=time) for time in range(1200)))
    assert len(read(points)) == 1200


def test_names_are_found_by_what_is_known_of_them_page_by_page(points: Points) -> None:
    points.put([replace(CLICKS, name=f"M{place % 3}", dimensions=(("Place", f"{place}"),)) for place in range(600)])
    points.put([replace(CLICKS, namespace="own", timestamp=5000)])

    def names(**known: object) -> int:
        return len(points.names(CLICKS.account, CLICKS.region, limit=1000, **known))  # type: ignore[arg-type]

    assert (names(), names(namespace="own"), names(name="M1"), names(since=1000)) == (601, 1, 200, 1)
    assert (names(dimensions=[("Place", None)]), names(dimensions=[("Place", "599")])) == (600, 1)
    first = points.names(CLICKS.account, CLICKS.region, limit=500)
    rest = points.names(CLICKS.account, CLICKS.region, after=first[-1].id)
    assert (len(first), len(rest)) == (500, 101)


def test_points_wait_until_they_are_sent(points: Points) -> None:
    points.put([replace(CLICKS, timestamp=time) for time in (1, 2, 3)])
    points.put([replace(CLICKS, namespace="own")])
    points.put([CLICKS], forward=False)
    first, second, third = points.waiting(NAMESPACE, 10)
    points.sent([first.id, third.id])
    assert points.waiting(NAMESPACE, 10) == [second]
    assert points.waiting(NAMESPACE, 10, after=second.id) == []
    assert len(read(points)) == 4


def test_old_points_are_forgotten(points: Points) -> None:
    points.put([replace(CLICKS, timestamp=time) for time in (1, 2, 3)])
    assert points.forget(3) == 2
    assert [point.timestamp for point in read(points)] == [3]


def test_many_writers_may_begin_the_same_series_at_once(points: Points) -> None:
    each = [replace(CLICKS, name=f"M{number}") for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda turn: points.put(each[:: 1 if turn % 2 else -1]), range(16)))
    assert len(points.names(CLICKS.account, CLICKS.region)) == 20
    assert len(read(points, each[7])) == 16


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="value of a metric point is NaN"):
        replace(CLICKS, value=Decimal("NaN"))
