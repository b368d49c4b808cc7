import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deltalake import write_deltalake
from rich.console import Console

from openpersonalize.attribution import formats, picture
from openpersonalize.attribution.events import Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Report, make
from tests.attribution import shop as shops
from tests.attribution.shop import CART, END, HOME, MEASURES, START, Shop

PERIOD = Period(START, END)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return shops.at_random(np.random.default_rng(5))


@pytest.fixture(scope="module")
def report(shop: Shop) -> Report:
    return make(shop.inputs(), PERIOD)


@pytest.mark.parametrize("seed", range(4))
def test_a_report_is_what_counting_row_by_row_gives(seed: int) -> None:
    shop = shops.at_random(np.random.default_rng(seed))
    report = make(shop.inputs(), PERIOD)
    rows, doubles = shops.counted(shop)
    assert {source.name for source in report.sources} == {row.source for row in rows}
    assert report.counts.duplicates == doubles
    assert report.counts.events == len(rows)
    assert report.counts.late == sum(row.age >= 900 for row in rows)
    assert report.counts.stale == sum(row.age >= 14 * 86400 for row in rows)
    assert report.counts.without_user == sum(row.user is None for row in rows)
    undefined = sum(row.source == "SOURCE_NAME_UNDEFINED" for row in rows)
    assert report.counts.no_source_given + report.counts.unknown_ids == undefined
    for result in report.results:
        own = [row for row in rows if row.source == result.source]
        assert result.value == sum(row.values[result.metric] for row in own)
        assert sum(day.value for day in result.days) == result.value
        for place, day in enumerate(result.days):
            assert day.value == sum(row.values[result.metric] for row in own if row.day == place)
            totals = shops.per_user(shop, rows, result.source, result.metric, place)
            assert day.per_user.users == len(totals)
            assert day.per_user.active == sum(value != 0 for value in totals.values())
            assert day.per_user.value == pytest.approx(shops.mean(totals))


def test_served_lists_stand_below_the_line(shop: Shop, report: Report) -> None:
    inside = [row for row in shop.lists if row["source"] == HOME and START <= row["time"] < END]
    home = next(source for source in report.sources if source.name == HOME)
    shown = sum(row["shown"] for row in inside)
    assert (home.lists, home.items_shown) == (len(inside), shown)
    assert home.promoted == pytest.approx(sum(row["promoted"] for row in inside) / shown)
    assert (home.explored, home.kind, home.users_are, home.assignment) == (0.0, "campaign", "served", "observed")
    assert home.users == len({row["user_id"] for row in inside if row["user_id"]})
    assert sum(day.lists for day in home.days) == home.lists


def test_a_source_without_lists_counts_users_with_an_event(report: Report) -> None:
    mail = next(source for source in report.sources if source.name == "MAIL, É")
    assert (mail.lists, mail.kind, mail.users_are, mail.promoted) == (0, "custom", "with an event", None)
    assert all(result.per_list is None for result in report.results if result.source == mail.name)


def test_few_users_have_no_interval_and_the_report_says_why(report: Report) -> None:
    assert {result.per_user.fixed for result in report.results} == {None}
    assert report.results[0].per_user.missing == f"not enough data: {report.results[0].per_user.users} of 100 users"


def test_values_of_many_digits_are_added_without_drift() -> None:
    shop = Shop()
    for place in range(1000):
        time = START + place
        shop.events.append({"USER_ID": f"u{place}", "TIMESTAMP": time, "EVENT_TYPE": "purchase", "EVENT_VALUE": 0.1})
    report = make(shop.inputs(), PERIOD)
    assert next(result.value for result in report.results if result.metric == "revenue") == Decimal(100)


@pytest.mark.parametrize("form", ["delta", "parquet"])
def test_files_give_the_same_report_as_arrow(tmp_path: Path, shop: Shop, report: Report, form: str) -> None:
    import pyarrow.parquet as pq

    given = shop.inputs()
    paths: dict[str, Any] = {}
    for name in ("interactions", "items", "served"):
        if form == "delta":
            write_deltalake(tmp_path / name, getattr(given, name))
            paths[name] = tmp_path / name
        else:
            paths[name] = tmp_path / f"{name}.parquet"
            pq.write_table(getattr(given, name), paths[name])
    assert make(replace(given, **paths), PERIOD) == report


def test_columns_of_the_schema_serve_like_the_side(shop: Shop, report: Report) -> None:
    import pyarrow as pa

    rows = [{**event, "_side": None, **json.loads(event["_side"])} for event in shop.events]
    schema = shops.EVENTS
    for name in ("RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"):
        schema = schema.append(pa.field(name, pa.string()))
    assert make(shop.inputs(interactions=pa.Table.from_pylist(rows, schema)), PERIOD) == report


def test_a_period_without_events_has_nothing_in_it(shop: Shop) -> None:
    report = make(shop.inputs(served=None), Period(1000, 90_000))
    assert (report.counts.events, report.sources, report.results) == (0, (), ())


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (("m", "click", "SUM(Items.PRICE)"), "metric m: SUM.Items.PRICE.: PRICE is not a column of the data"),
        (("m", "click", "SUM(Interactions.USER_ID)"), "USER_ID holds VARCHAR; it must be a column of numbers"),
    ],
)
def test_a_metric_that_does_not_fit_the_tables_is_named(shop: Shop, measure: tuple[str, str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(shop.inputs(measures=[Measure.read(*measure)]), PERIOD)


def test_a_period_and_metrics_are_needed(shop: Shop) -> None:
    with pytest.raises(ValueError, match="must be after its start"):
        Period(5, 5)
    with pytest.raises(ValueError, match="measures: there is none"):
        make(shop.inputs(measures=[]), PERIOD)


def test_json_and_csv_carry_exact_values(report: Report) -> None:
    tree = json.loads(formats.as_json(report))
    rows = list(csv.DictReader(io.StringIO(formats.as_csv(report))))
    for result, found in zip(report.results, tree["results"], strict=True):
        own = [
            row for row in rows if row["METRIC"] == result.metric and row["SOURCE"].removeprefix("'") == result.source
        ]
        assert Decimal(found["value"]) == result.value
        assert [Decimal(row["VALUE"]) for row in own] == [*(day.value for day in result.days), result.value]
    assert {"'=00AA11", "MAIL, É"} <= {row["SOURCE"] for row in rows}


def test_the_table_names_every_source_and_what_was_left_out(report: Report) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(formats.as_table(report))
    text = console.export_text()
    assert all(source.name.split(":")[-1] in text for source in report.sources)
    assert f"{report.counts.duplicates:,} that came twice do not count" in text
    assert "not drawn at random" in text


@pytest.mark.parametrize(("form", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_picture_is_the_same_each_time(report: Report, form: str, head: bytes) -> None:
    pytest.importorskip("matplotlib")
    drawn = picture.draw(report, form)
    assert drawn.startswith(head)
    assert drawn == picture.draw(report, form)
    assert len(drawn) > 10_000


def test_other_forms_of_pictures_are_refused(report: Report) -> None:
    with pytest.raises(ValueError, match="gif is not a format; use one of png, svg"):
        picture.draw(report, "gif")


def crowd(rng: np.random.Generator, better: float, shared: int = 0, cart: int = 1500) -> Shop:
    """Two sources with users of their own who click on some days."""
    shop = Shop()
    for source, cid, users, rate in ((HOME, "00aa11", 1500, 0.3), (CART, "00bb22", cart, 0.3 * better)):
        for number in range(users):
            user = f"both{number}" if number < shared else f"{cid}-{number}"
            for day in range(4):
                time = START + 3600 + day * 86400
                shop.lists.append({"time": time, "user_id": user, "source": source, "shown": 10})
                if rng.random() < rate:
                    side = json.dumps({"RECOMMENDATION_ID": shops.recommendation_id(cid)}, separators=(",", ":"))
                    event = {"USER_ID": user, "TIMESTAMP": time + 60, "EVENT_TYPE": "click", "_side": side}
                    shop.events.append(event)
    return shop


@pytest.mark.parametrize(
    ("given", "verdict", "words"),
    [
        ({"better": 1.3}, "higher", None),
        ({"better": 0.7}, "lower", None),
        ({"better": 1.0}, "no difference shown", None),
        ({"better": 0.0}, "not enough data", "not enough data: 0 of 50 users who brought something"),
        ({"better": 1.3, "shared": 100}, "withheld", "100 users were served by both sources"),
        ({"better": 1.3, "cart": 1000}, "withheld", "40.0% of the users came to this source; 50.0% were meant to"),
    ],
)
def test_a_verdict_needs_users_assigned_at_random(given: dict[str, Any], verdict: str, words: str | None) -> None:
    shop = crowd(np.random.default_rng(3), **given)
    observed = make(shop.inputs(measures=MEASURES[:1]), PERIOD)
    assert observed.comparisons == ()
    report = make(shop.inputs(measures=MEASURES[:1], randomised={HOME: 0.5, CART: 0.5}), PERIOD)
    (found,) = report.comparisons
    assert (found.source, found.reference, found.verdict) == (CART, HOME, verdict)
    assert found.reason == words if words is None else str(found.reason).startswith(words)
    per_list = report.results[0].per_list
    assert per_list is not None
    assert per_list.fixed is not None
    assert per_list.anytime is not None
    assert per_list.anytime.low < per_list.fixed.low < 0.3 < per_list.fixed.high < per_list.anytime.high


def test_a_randomised_source_must_have_served(shop: Shop) -> None:
    with pytest.raises(ValueError, match="randomised: MAIL, É served no list in the period"):
        make(shop.inputs(randomised={HOME: 1, "MAIL, É": 1}), PERIOD)
