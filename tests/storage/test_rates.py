"""Token buckets: as many as the rate, again after a while, for all threads and processes together."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.storage import rates as module
from openpersonalize.storage.rates import SLOTS, Bucket, Rates

NOW = 1_700_000_000.0
SHOP, FILMS = Bucket("PutItems of shop", 10), Bucket("PutItems of films", 10)
EVERYBODY = Bucket("everybody", 15)


@pytest.fixture
def rates(tmp_path: Path) -> Rates:
    return Rates(tmp_path / "cache" / "rates")


def taken(rates: Rates, *buckets: Bucket, calls: int = 100, now: float = NOW) -> int:
    return sum(rates.take(buckets, now) is None for _ in range(calls))


def test_a_full_bucket_gives_a_seconds_worth_and_fills_at_its_rate(rates: Rates) -> None:
    assert taken(rates, SHOP) == 10
    assert taken(rates, SHOP, now=NOW + 0.05) == 0
    assert taken(rates, SHOP, now=NOW + 0.3) == 3
    assert taken(rates, SHOP, now=NOW + 60) == 10


def test_buckets_do_not_know_each_other(rates: Rates) -> None:
    assert taken(rates, SHOP) == 10
    assert taken(rates, FILMS) == 10


def test_a_call_takes_of_all_its_buckets_or_of_none(rates: Rates) -> None:
    assert taken(rates, SHOP, EVERYBODY) == 10
    assert rates.take([SHOP, EVERYBODY], NOW) == SHOP
    assert taken(rates, FILMS, EVERYBODY) == 5
    assert rates.take([FILMS, EVERYBODY], NOW) == EVERYBODY
    assert taken(rates, FILMS) == 5


def test_threads_share_a_bucket(rates: Rates) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: taken(rates, Bucket("x", 500)), range(8))) == 500


PROCESS = """
import sys
from pathlib import Path
from openpersonalize.storage.rates import Bucket, Rates
rates = Rates(Path(sys.argv[1]))
print(sum(rates.take([Bucket("x", 500)], 1_700_000_000.0) is None for _ in range(400)))
"""


def test_processes_share_a_bucket(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "rates")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in running) == 500


def test_an_opened_file_remembers(tmp_path: Path) -> None:
    first = Rates(tmp_path / "rates")
    assert taken(first, SHOP, calls=7) == 7
    first.close()
    first.close()
    assert taken(Rates(tmp_path / "rates"), SHOP) == 3


def test_a_clock_that_was_set_back_locks_nobody_out(rates: Rates) -> None:
    assert taken(rates, SHOP, now=NOW + 3600) == 10
    assert taken(rates, SHOP) == 10


def test_where_there_is_no_room_the_bucket_that_is_full_soonest_goes(
    rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBES", 1)
    names = [Bucket(str(number), 10) for number in range(2 * SLOTS)]
    places: dict[int, Bucket] = {}
    for bucket in names:
        first = places.setdefault(int.from_bytes(bucket.digest, "little") % SLOTS, bucket)
        if first is not bucket:
            break
    assert taken(rates, first) == 10
    assert taken(rates, bucket) == 10
    assert taken(rates, first) == 10


@given(
    rate=st.floats(1, 1000),
    pauses=st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_no_span_of_time_sees_more_than_its_tokens(
    tmp_path_factory: pytest.TempPathFactory, rate: float, pauses: list[float]
) -> None:
    rates, now, allowed = Rates(tmp_path_factory.mktemp("rates") / "rates"), NOW, []
    for pause in pauses:
        now += pause
        if rates.take([Bucket("x", rate)], now) is None:
            allowed.append(now)
    rates.close()
    for first, begin in enumerate(allowed):
        for last in range(first, len(allowed)):
            assert last - first + 1 <= rate * (allowed[last] - begin + 1) + 1e-3
