"""Resources in transactions, on SQLite and on PostgreSQL."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection

from openpersonalize.clock import SystemClock
from openpersonalize.errors import ResourceAlreadyExistsException, ResourceNotFoundException
from openpersonalize.storage.metadata import Metadata, Transaction
from openpersonalize.storage.metadata.tables import resources

HERE = ("000000000000", "us-east-1")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A resource."""

    noun: ClassVar[str] = "thing"

    arn: str
    status: str = "ACTIVE"
    parent: str | None = None
    group: str | None = None
    made: datetime = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Other(Thing):
    """A resource of another kind."""

    noun: ClassVar[str] = "other"


class Undone(Exception):  # noqa: N818 - no fault
    """Undoes a transaction."""


def thing(number: int, parent: str | None = None) -> Thing:
    return Thing(arn=f"arn:aws:personalize:us-east-1:000000000000:thing/{number:04}", parent=parent)


def fill(metadata: Metadata, *things: Thing) -> None:
    with metadata.transaction() as tx:
        for one in things:
            tx.insert(one)


def test_what_was_inserted_is_found_again(metadata: Metadata) -> None:
    fill(metadata, thing(1))
    with metadata.reading() as tx:
        assert tx.get(Thing, thing(1).arn) == thing(1)
        assert tx.find(Thing, thing(2).arn) is None


def test_an_arn_of_another_kind_is_not_found(metadata: Metadata) -> None:
    fill(metadata, thing(1))
    with metadata.reading() as tx, pytest.raises(ResourceNotFoundException, match=r"thing/0001 does not exist\.$"):
        tx.get(Other, thing(1).arn)


def test_a_taken_arn_is_refused_and_the_transaction_goes_on(metadata: Metadata) -> None:
    fill(metadata, thing(1))
    with metadata.transaction() as tx:
        with pytest.raises(ResourceAlreadyExistsException, match="thing/0001 already exists"):
            tx.insert(thing(1))
        tx.insert(thing(2))
    with metadata.reading() as tx:
        assert tx.count(Thing, *HERE) == 2


def test_an_error_undoes_the_whole_transaction(metadata: Metadata) -> None:
    def fail(tx: Transaction) -> None:
        tx.insert(thing(1))
        tx.set_tags(thing(1).arn, {"a": "b"})
        raise ValueError

    with pytest.raises(ValueError), metadata.transaction() as tx:  # noqa: PT011 - the one raised above
        fail(tx)
    with metadata.reading() as after:
        assert after.find(Thing, thing(1).arn) is None
        assert after.tags(thing(1).arn) == {}


def test_replace_and_remove_want_a_record_that_is_there(metadata: Metadata) -> None:
    with metadata.transaction() as tx:
        for write in (tx.replace, tx.remove):
            with pytest.raises(ResourceNotFoundException):
                write(thing(1))


def test_replace_changes_what_select_sees(metadata: Metadata) -> None:
    fill(metadata, thing(1), thing(2))
    with metadata.transaction() as tx:
        tx.replace(replace(thing(1), status="CREATE FAILED", group="g"))
        assert tx.count(Thing, *HERE, statuses=["ACTIVE"]) == 1
        assert tx.count(Thing, *HERE, statuses=[]) == 0
        assert [one.status for one in tx.select(Thing, *HERE, group="g")] == ["CREATE FAILED"]


def test_account_and_region_are_walls(metadata: Metadata) -> None:
    foreign = Thing(arn="arn:aws:personalize:us-east-1:111111111111:thing/1")
    far = Thing(arn="arn:aws:personalize:eu-west-1:000000000000:thing/1")
    fill(metadata, thing(1), foreign, far)
    with metadata.reading() as tx:
        assert tx.select(Thing, *HERE) == [thing(1)]
        assert tx.select(Thing, "000000000000", "eu-west-1") == [far]


def test_tags_are_overwritten_by_key_and_vanish_with_the_resource(metadata: Metadata) -> None:
    arn = thing(1).arn
    fill(metadata, thing(1))
    with metadata.transaction() as tx:
        tx.set_tags(arn, {"team": "shop", "env": ""})
        tx.set_tags(arn, {"team": "search"})
        tx.set_tags(arn, {})
        tx.unset_tags(arn, ["env", "never set"])
        assert tx.tags(arn) == {"team": "search"}
        tx.remove(thing(1))
        assert tx.tags(arn) == {}
        with pytest.raises(ResourceNotFoundException):
            tx.set_tags(arn, {"team": "shop"})


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_show_every_old_record_once_while_others_come_and_go(metadata: Metadata, *, newest_first: bool) -> None:
    old = [thing(number, parent="p") for number in range(25)]
    fill(metadata, *old, thing(900, parent="q"))
    seen: list[Thing] = []
    after: int | None = None
    for step in range(100):
        with metadata.reading() as tx:
            page, after = tx.page(Thing, *HERE, parent="p", after=after, limit=4, newest_first=newest_first)
        seen += page
        with metadata.transaction() as tx:
            tx.insert(thing(100 + step, parent="p"))
            if step == 1:
                tx.remove(seen[0])
        if after is None:
            break
    known = [one for one in seen if one in old]
    assert known == (old[::-1] if newest_first else old)
    assert len(seen) == len(set(seen))


def test_the_last_page_says_so_even_when_it_is_full(metadata: Metadata) -> None:
    fill(metadata, thing(1), thing(2))
    with metadata.reading() as tx:
        assert tx.page(Thing, *HERE, limit=2) == ([thing(1), thing(2)], None)
        assert tx.page(Thing, *HERE, parent="nobody", limit=2) == ([], None)


def test_paging_misses_nothing_that_was_committed_before(metadata: Metadata) -> None:
    def write(number: int) -> None:
        fill(metadata, thing(number))

    following: list[str] = []
    after = 0
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, number) for number in range(100)]
        while len(following) < 100:
            done = all(one.done() for one in writes)
            with metadata.reading() as tx:
                page, _ = tx.page(Thing, *HERE, after=after, limit=1)
            if page:
                following.append(page[0].arn)
                with metadata.reading() as tx:
                    after = _sequence(tx.connection, page[0].arn)
            else:
                assert not done
    assert len(set(following)) == 100


def _sequence(connection: Connection, arn: str) -> int:
    found: int = connection.execute(select(resources.c.sequence).where(resources.c.arn == arn)).scalar_one()
    return found


def test_a_quota_holds_however_many_ask_at_once(metadata: Metadata) -> None:
    start = threading.Barrier(12)

    def create(number: int) -> bool:
        start.wait()
        with metadata.transaction() as tx:
            if not tx.fewer_than(5, Thing, *HERE):
                return False
            tx.insert(thing(number))
            return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(create, range(12))) == 5


def test_room_is_told_rightly_whatever_came_and_went_and_whoever_did_it(database_url: str) -> None:
    """Two processes; some transactions are undone, and the numbers of their records may come again."""
    draw = random.Random(1)
    both = [Metadata.open(database_url, SystemClock()) for _ in range(2)]
    present: set[int] = set()
    for step in range(300):
        metadata, number, undone = draw.choice(both), draw.randrange(40), draw.random() < 0.2
        with suppress(Undone), metadata.transaction() as tx:
            if number in present:
                tx.remove(thing(number))
            else:
                tx.insert(thing(number))
            limit = draw.randrange(1, 40)
            assert tx.fewer_than(limit, Thing, *HERE) == (tx.count(Thing, *HERE) < limit), step
            if undone:
                raise Undone
            present ^= {number}
    for metadata in both:
        metadata.close()


def test_a_snapshot_does_not_move(metadata: Metadata) -> None:
    fill(metadata, thing(1))
    with metadata.reading() as tx:
        assert tx.count(Thing, *HERE) == 1
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fill, metadata, thing(2)).result()
        assert tx.count(Thing, *HERE) == 1
        assert tx.find(Thing, thing(2).arn) is None


def test_a_thread_that_would_wait_for_itself_is_told(metadata: Metadata) -> None:
    with metadata.transaction(), pytest.raises(RuntimeError, match="open already"), metadata.transaction():
        pass
