"""Rows become values whatever their columns are called and whatever stands in them."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from openpersonalize.attribution.counting import Value, count, named
from openpersonalize.attribution.measures import Measure
from tests.attribution.shop import HOME, SOURCES, recommendation_id

NOON = 1_717_243_200
CLICKS = Measure.read("clicks", "click", "SAMPLECOUNT()")


def rows(*given: dict[str, Any], kind: str = "click", time: int = NOON) -> pa.Table:
    """Events of one user that arrived as they happened, with what is given of each."""
    names = sorted({name for one in given for name in one})
    common = {"USER_ID": "u", "ITEM_ID": "i", "EVENT_TYPE": kind, "TIMESTAMP": time, "_ingested": time * 10**9}
    made = [{**common, **dict.fromkeys(names), **one} for one in given]
    return pa.Table.from_pylist([{**one, "_ingested": one["_ingested"] + place} for place, one in enumerate(made)])


def totals(found: Any) -> dict[tuple[str, str, int], Decimal]:
    return {(value.measure.name, value.source, value.start): value.value for value in found.values}


WORDS = (
    "TYPE", "KIND", "SOURCE", "AGE", "PLACE", "SESSION", "TIED", "H", "LATE", "WINDOW", "USER", "VALUE0", "EVENT",
    "KINDS", "ITEMS", "ITEM", "RANKED", "DOUBLED", "INTERACTIONS", "OF_ITEMS", "FOUND", "COUNTED", "TIME", "TIES",
)  # fmt: skip


@pytest.mark.parametrize("dataset", ["Interactions", "Items"])
@pytest.mark.parametrize("name", WORDS)
def test_a_column_may_have_any_name(name: str, dataset: str) -> None:
    own = {name: 2.5} if dataset == "Interactions" else {}
    events = rows({"_event_id": "a", "_session_id": "s", **own}, {"_event_id": "a", "_session_id": "s", **own})
    items = pa.Table.from_pylist([{"ITEM_ID": "i", "_ingested": 1} | ({} if own else {name: 2.5})])
    found = count(events, items, [CLICKS, Measure.read("sum", "click", f"SUM({dataset}.{name})")], {}, stale=True)
    undefined = "SOURCE_NAME_UNDEFINED"
    assert totals(found) == {("clicks", undefined, NOON): 1, ("sum", undefined, NOON): Decimal("2.5")}
    assert found.duplicates == 1


@pytest.mark.parametrize("name", WORDS)
def test_a_column_that_no_metric_reads_may_have_any_name_and_type(name: str) -> None:
    events = rows({"_event_id": "a", name: "text"}, {"_event_id": "a", name: "text"})
    assert list(totals(count(events, None, [CLICKS], {}, stale=True)).values()) == [1]


@pytest.mark.parametrize(
    ("configured", "sent"), [("watch", "WATCH"), ("ΑΓΟΡΕΣ", "αγορες"), ("αγορεσ", "ΑΓΟΡΕΣ"), ("Kauf", "kauf")]
)
def test_event_types_are_compared_ignoring_case_in_any_alphabet(configured: str, sent: str) -> None:
    found = count(rows({}, kind=sent), None, [Measure.read("m", configured, "SAMPLECOUNT()")], {}, stale=True)
    assert [value.value for value in found.values] == [1]


@pytest.mark.parametrize(("time", "start"), [(-1, -900), (-900, -900), (-901, -1800), (0, 0), (899, 0), (900, 900)])
def test_a_window_begins_before_its_events_in_every_century(time: int, start: int) -> None:
    assert [value.start for value in count(rows({}, time=time), None, [CLICKS], {}, stale=True).values] == [start]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([1.7e308, 1.7e308], "3.4E+308"),
        ([1.7e308, -1.7e308, -1.7e308, -1.7e308], "-3.4E+308"),
        ([9.99e307] * 21, "2.0979E+309"),
    ],
)
def test_a_sum_that_no_double_holds_is_told_all_the_same(values: list[float], total: str) -> None:
    metric = Measure.read("sum", "click", "SUM(Interactions.PRICE)")
    [found] = count(rows(*({"PRICE": value} for value in values)), None, [metric], {}, stale=True).values
    assert abs(found.value / Decimal(total) - 1) < Decimal("1e-14")


@pytest.mark.parametrize("dataset", ["Interactions", "Items"])
@pytest.mark.parametrize("items", [None, pa.Table.from_pylist([{"ITEM_ID": "i", "_ingested": 1}])])
def test_a_column_that_no_row_has_yet_adds_nothing(dataset: str, items: pa.Table | None) -> None:
    found = count(rows({}), items, [Measure.read("sum", "click", f"SUM({dataset}.MARGIN)")], {}, stale=True)
    assert [value.value for value in found.values] == [0]


@pytest.mark.parametrize(
    ("given", "source"),
    [
        (recommendation_id("00aa11"), HOME),
        (recommendation_id("00AA11"), None),
        ("RID-" + "-CID-".rjust(20, "x") + "y" * 10 + "00aa11", None),
        ("RID-" + "x" * 24 + "-CID-00aa11", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("column", [True, False])
def test_only_a_whole_recommendation_id_names_a_campaign(given: str, source: str | None, *, column: bool) -> None:
    side = {"RECOMMENDATION_ID": given} if column else {"_side": f'{{"RECOMMENDATION_ID":"{given}"}}'}
    [found] = count(rows(side), None, [CLICKS], SOURCES, stale=True).values
    assert found.source == (source or "SOURCE_NAME_UNDEFINED")


def test_whose_name_is_left_out_does_not_depend_on_the_order_of_the_values() -> None:
    values = [Value(CLICKS, f"S{place:03}", NOON + 900 * (place % 2), Decimal(1)) for place in range(120)]
    shown, fresh = named(values, ["S001"], 100)
    assert (shown, fresh) == named(list(reversed(values)), ["S001"], 100)
    assert len(fresh) == 99
    assert {value.source for value in shown} == {*fresh, "S001", "SOURCE_NAME_UNDEFINED"}
    assert sum(value.value for value in shown) == 120
