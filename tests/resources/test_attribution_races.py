"""What two do at the same time, or one does at the wrong moment, is counted once and by the right metrics."""

import contextlib
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from openpersonalize.resources import attribution_counting
from openpersonalize.resources.attribution_counting import count_all, count_streamed
from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.datasets import table_of
from openpersonalize.storage.ledger import Ledger
from openpersonalize.storage.records import Records, stream
from tests.clients import client
from tests.databases import Server
from tests.resources.test_metric_attributions import (
    CLICKS,
    PRICED,
    SALES,
    VALUED,
    attribution,
    described,
    group,
    put,
    rows_of,
    tracker,
    values,
)
from tests.world import ROLE, SMALL, World, opened

__all__ = ["group"]

UNDEFINED = "SOURCE_NAME_UNDEFINED"


def at_the(monkeypatch: pytest.MonkeyPatch, kind: type, method: str, then: Callable[[], Any]) -> None:
    """Let `then` happen once, right after the next call of a method."""
    real = getattr(kind, method)
    done: list[bool] = []

    def followed(*given: Any, **more: Any) -> Any:
        answer = real(*given, **more)
        if not done:
            done.append(True)
            then()
        return answer

    monkeypatch.setattr(kind, method, followed)


def record(world: World, arn: str) -> MetricAttribution:
    with world.parts.context.metadata.reading() as tx:
        return tx.get(MetricAttribution, arn)


@pytest.mark.parametrize("what", ["update", "delete"])
def test_nobody_goes_on_before_all_is_counted_though_another_counts_too(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    arn, tracking_id = attribution(world, group, [CLICKS]), tracker(world, group)
    for place in range(7):
        put(world, tracking_id, "click", ago=60 + place)
    monkeypatch.setattr(attribution_counting, "BATCH_ROWS", 2)

    def one_batch_elsewhere() -> None:
        ctx = world.parts.context
        done = ctx.ledger.counted(arn)
        books = attribution_counting._books(ctx, arn)
        assert books is not None
        assert done is not None
        rows = ctx.records.behind(books.interactions, done, done + 100, 2)
        attribution_counting._count_batch(ctx, books, rows, done, rows[-1].id)

    at_the(monkeypatch, Records, "behind", one_batch_elsewhere)
    if what == "update":
        world.personalize.update_metric_attribution(metricAttributionArn=arn, removeMetrics=["countClicks"])
    else:
        world.personalize.delete_metric_attribution(metricAttributionArn=arn)
        world.work()
    count_all(world.parts.context)
    assert values(world) == {("COUNTCLICKS", UNDEFINED): 7}


def test_who_read_the_metrics_before_an_update_counts_by_the_new_ones(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group, [CLICKS]), tracker(world, group)
    old = record(world, arn)
    watched = {**CLICKS, "eventType": "watch"}
    world.personalize.update_metric_attribution(
        metricAttributionArn=arn, removeMetrics=["countClicks"], addMetrics=[watched]
    )
    put(world, tracking_id, "click")
    put(world, tracking_id, "watch")
    assert count_streamed(world.parts.context, old) == 2
    assert values(world) == {("COUNTCLICKS", UNDEFINED): 1}


def test_events_are_counted_by_a_column_that_no_item_has_yet(world: World, group: str) -> None:
    items = group.replace(":dataset-group/", ":dataset/") + "/ITEMS"
    wider = world.schema("wider", "Items", (*PRICED, ("MARGIN", ["null", "double"])))
    world.personalize.update_dataset(datasetArn=items, schemaArn=wider)
    world.work()
    attribution(world, group, [{**SALES, "expression": "SUM(Items.MARGIN)"}])
    tracking_id = tracker(world, group)
    put(world, tracking_id, "purchase")
    count_all(world.parts.context)
    assert values(world) == {("SALES", UNDEFINED): 0}
    world.events.put_items(
        datasetArn=items, items=[{"itemId": "i1", "properties": json.dumps({"margin": 2.5, "price": 1, "genres": "a"})}]
    )
    put(world, tracking_id, "purchase")
    count_all(world.parts.context)
    assert values(world) == {("SALES", UNDEFINED): Decimal("2.5")}


def test_a_value_that_cloudwatch_cannot_hold_holds_up_no_other(world: World, group: str) -> None:
    attribution(world, group, [CLICKS, SALES])
    tracking_id = tracker(world, group)
    items = group.replace(":dataset-group/", ":dataset/") + "/ITEMS"
    dear = {"itemId": "i9", "properties": json.dumps({"price": 9.9e307, "genres": "a"})}
    world.events.put_items(datasetArn=items, items=[dear])
    for _ in range(20):
        put(world, tracking_id, "purchase", "i9", metricAttribution={"eventAttributionSource": "dear"})
    put(world, tracking_id, "purchase")
    put(world, tracking_id, "click")
    count_all(world.parts.context)
    assert values(world) == {("COUNTCLICKS", UNDEFINED): 1, ("SALES", UNDEFINED): Decimal("9.95")}


def test_an_attribution_has_a_hundred_sources_however_many_name_them_at_once(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.fresh() as url:
        worlds = opened(tmp_path / "data", SMALL | {"metadata_url": url})
        world = next(worlds)
        made = group.__wrapped__(world)  # type: ignore[attr-defined]
        interactions = made.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
        first = rows_of(world, "first.csv", [("i1", 60, "", "1")])
        assert world.load(interactions, first, "first")["status"] == "ACTIVE"
        arn, tracking_id = attribution(world, made, [CLICKS, SALES]), tracker(world, made)
        for number in range(99):
            put(world, tracking_id, "click", metricAttribution={"eventAttributionSource": f"partner-{number}"})
        count_all(world.parts.context)
        put(world, tracking_id, "click", metricAttribution={"eventAttributionSource": "streamed"})
        more = rows_of(world, "more.csv", [("i1", 60, "imported", "1")])
        real, both = Ledger.named, threading.Barrier(2)

        def named(ledger: Ledger, *given: Any) -> frozenset[str]:
            known = real(ledger, *given)
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(3)  # until the other one knows them too, if it may
            return known

        monkeypatch.setattr(Ledger, "named", named)
        importing = threading.Thread(target=lambda: world.load(interactions, more, "more", importMode="INCREMENTAL"))
        counting = threading.Thread(target=lambda: count_all(world.parts.context))
        for thread in (importing, counting):
            thread.start()
        for thread in (importing, counting):
            thread.join()
        assert len(world.parts.context.ledger.sources(arn)) == 100
        assert sum(values(world).values()) == 100 + Decimal(995)
        worlds.close()  # type: ignore[attr-defined]


def test_events_are_counted_though_nobody_worked_for_longer_than_the_fast_store_keeps(tmp_path: Path) -> None:
    worlds = opened(tmp_path / "data", SMALL | {"event_hot_days": 0.01})
    world = next(worlds)
    made = group.__wrapped__(world)  # type: ignore[attr-defined]
    attribution(world, made, [CLICKS])
    put(world, tracker(world, made), "click")
    ctx = world.parts.context
    with ctx.records.engine.begin() as connection:
        twenty_minutes_ago = stream.microseconds(ctx.now() - timedelta(minutes=20))
        connection.execute(stream.STREAM.update().values(received=twenty_minutes_ago))
    for counted in (1, 0):
        with ctx.metadata.transaction() as tx:
            interactions = made.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
            ctx.queue.enqueue(tx.connection, "dataset.settle", interactions)
        world.work()
        count_all(ctx)
        assert values(world) == {("COUNTCLICKS", UNDEFINED): 1}
        assert len(ctx.records.recent(table_of(interactions), "u1")) == counted
    worlds.close()  # type: ignore[attr-defined]


def test_what_users_did_counts_though_their_events_are_deleted(world: World, group: str) -> None:
    interactions = group.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
    assert world.load(interactions, rows_of(world, "rows.csv", [("i1", 60, "", "1")]))["status"] == "ACTIVE"
    attribution(world, group, [CLICKS])
    tracking_id = tracker(world, group)
    put(world, tracking_id, "click")
    (world.bucket() / "users.csv").write_text("USER_ID\nu1\n")
    world.personalize.create_data_deletion_job(
        jobName="forget", datasetGroupArn=group, dataSource={"dataLocation": "s3://films/users.csv"}, roleArn=ROLE
    )
    world.work()
    put(world, tracking_id, "click")
    count_all(world.parts.context)
    assert values(world) == {("COUNTCLICKS", UNDEFINED): 2}


def test_an_attribution_that_cannot_be_counted_says_so_and_is_in_nobodys_way(world: World, group: str) -> None:
    damaged, tracking_id = attribution(world, group, [SALES]), tracker(world, group)
    other = world.group("other")
    world.dataset(other, "Interactions", VALUED)
    world.personalize.create_metric_attribution(
        name="other", datasetGroupArn=other, metrics=[CLICKS], metricsOutputConfig={"roleArn": ROLE}
    )
    world.work()
    put(world, world.personalize.create_event_tracker(name="o", datasetGroupArn=other)["trackingId"], "click")
    put(world, tracking_id, "purchase")
    [log] = (world.parts.settings.data_dir / "records").glob("*/*/films/items/_delta_log")
    log.rename(log.with_name("lost"))
    (log.parent / "_delta_log").write_text("no log of a table")
    cloudwatch = client("cloudwatch", world.door, world.identity)

    def read() -> set[str]:
        with capture_logs():
            return {metric["MetricName"] for metric in cloudwatch.list_metrics()["Metrics"]}

    assert "COUNTCLICKS" in read()
    assert described(world, damaged)["failureReason"].startswith("Events cannot be counted: ")
    (log.parent / "_delta_log").unlink()
    log.with_name("lost").rename(log)
    assert {"COUNTCLICKS", "SALES"} <= read()
    assert "failureReason" not in described(world, damaged)
