"""A small shop whose events are known row by row, and the same report counted in plain Python."""

import json
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Inputs

START, DAYS = 1_750_000_000 // 86400 * 86400 + 5000, 6
END = START + DAYS * 86400 - 9000
HOME = "arn:aws:personalize:us-east-1:000000000000:campaign/home"
CART = "arn:aws:personalize:us-east-1:000000000000:recommender/cart"
SOURCES = {"00aa11": HOME, "00bb22": CART}
MEASURES = (
    Measure.read("clicks", "Click", "SAMPLECOUNT()"),
    Measure.read("revenue", "purchase", "SUM(Interactions.EVENT_VALUE)"),
    Measure.read("margin", "PURCHASE", "SUM(Items.MARGIN)"),
)
PRICES = {f"i{number}": number / 10 for number in range(1, 8)} | {"i0": None}


@dataclass
class Shop:
    """Rows of the three tables."""

    events: list[dict[str, Any]] = field(default_factory=list)
    lists: list[dict[str, Any]] = field(default_factory=list)

    def inputs(self, **given: Any) -> Inputs:
        """What a report is made from."""
        items = {"ITEM_ID": list(PRICES), "MARGIN": list(PRICES.values()), "_ingested": [2] * len(PRICES)}
        older = {"ITEM_ID": ["i1"], "MARGIN": [99.0], "_ingested": [1]}
        return Inputs(
            **{
                "interactions": pa.Table.from_pylist(self.events, EVENTS),
                "measures": MEASURES,
                "items": pa.concat_tables([pa.Table.from_pydict(items), pa.Table.from_pydict(older)]),
                "served": pa.Table.from_pylist(self.lists, LISTS),
                "sources": SOURCES,
                **given,
            }
        )


EVENTS = pa.schema(
    [
        ("USER_ID", pa.string()), ("ITEM_ID", pa.string()), ("TIMESTAMP", pa.int64()), ("EVENT_TYPE", pa.string()),
        ("EVENT_VALUE", pa.float64()), ("_event_id", pa.string()), ("_ingested", pa.int64()),
        ("_session_id", pa.string()), ("_side", pa.string()),
    ]
)  # fmt: skip
LISTS = pa.schema(
    [
        ("time", pa.int64()), ("user_id", pa.string()), ("source", pa.string()), ("recommendation_id", pa.string()),
        ("shown", pa.int32()), ("promoted", pa.int32()), ("explored", pa.int32()),
    ]
)  # fmt: skip


def recommendation_id(cid: str) -> str:
    return f"RID-{'4f1c2d3e-aaaa-4bbb-8ccc-0':0<25}-CID-{cid}"


SIDES: tuple[dict[str, str], ...] = (
    {},
    {"RECOMMENDATION_ID": recommendation_id("00aa11")},
    {"RECOMMENDATION_ID": recommendation_id("00bb22")},
    {"RECOMMENDATION_ID": recommendation_id("ffffff")},
    {"RECOMMENDATION_ID": recommendation_id("=bcdef")},
    {"RECOMMENDATION_ID": "RID-of-another-house"},
    {"EVENT_ATTRIBUTION_SOURCE": "z", "RECOMMENDATION_ID": "RID--CID-"},
    {"IMPRESSION": 'a|b|"c', "RECOMMENDATION_ID": recommendation_id("00aa11")},
    {"EVENT_ATTRIBUTION_SOURCE": "Mail, é", "RECOMMENDATION_ID": recommendation_id("00aa11")},
    {"EVENT_ATTRIBUTION_SOURCE": "mail, é"},
    {"EVENT_ATTRIBUTION_SOURCE": "=00aa11"},
)


def at_random(rng: np.random.Generator, events: int = 400, users: int = 25) -> Shop:
    """Events and lists around the period, some outside it."""
    shop = Shop()
    for place in range(events):
        time = int(rng.integers(START - 40_000, END + 40_000))
        event_id = [None, f"e{place}", f"e{int(rng.integers(0, place + 1))}"][int(rng.integers(0, 3))]
        named = rng.random() < 0.9
        shop.events.append(
            {
                "USER_ID": f"u{int(rng.integers(0, users))}" if named else None,
                "ITEM_ID": f"i{int(rng.integers(0, 9))}",
                "TIMESTAMP": time,
                "EVENT_TYPE": ["click", "CLICK", "Purchase", "view"][int(rng.integers(0, 4))],
                "EVENT_VALUE": [None, 0.1, 19.99, -3.5, 1e12, 1 / 3][int(rng.integers(0, 5))],
                "_event_id": event_id,
                "_ingested": (time + [0, 899, 900, 14 * 86400][int(rng.integers(0, 4))]) * 10**9 + place,
                "_session_id": f"s{int(rng.integers(0, 5))}" if rng.random() < 0.3 else None,
                "_side": json.dumps(SIDES[int(rng.integers(0, len(SIDES)))], separators=(",", ":")),
            }
        )
    for _ in range(events // 2):
        shop.lists.append(
            {
                "time": int(rng.integers(START - 40_000, END + 40_000)),
                "user_id": f"u{int(rng.integers(0, users))}" if rng.random() < 0.9 else None,
                "source": [HOME, CART][int(rng.integers(0, 2))],
                "recommendation_id": None,
                "shown": int(rng.integers(1, 26)),
                "promoted": int(rng.integers(0, 2)),
                "explored": 0,
            }
        )
    return shop


@dataclass(frozen=True)
class Row:
    """An event as a person would read it."""

    source: str
    user: str | None
    day: int
    time: int
    kind: str
    values: dict[str, Decimal]
    age: int


def counted(shop: Shop) -> tuple[list[Row], int]:
    """The events that count, one by one, and how many matching ones are doubles."""
    ties = {
        event["_session_id"]: event["USER_ID"]
        for event in sorted(shop.events, key=lambda event: event["_ingested"])
        if event["_session_id"] and event["USER_ID"]
    }
    seen: set[str] = set()
    rows, doubles = [], 0
    for event in sorted(shop.events, key=lambda event: event["_ingested"]):
        again = event["_event_id"] in seen
        if event["_event_id"] is not None:
            seen.add(event["_event_id"])
        kind = event["EVENT_TYPE"].lower()
        if kind == "view" or not START <= event["TIMESTAMP"] < END:
            continue
        if again:
            doubles += 1
            continue
        margin = PRICES.get(event["ITEM_ID"])
        rows.append(
            Row(
                source=_source(json.loads(event["_side"])),
                user=event["USER_ID"] or ties.get(event["_session_id"]),
                day=event["TIMESTAMP"] // 86400 - START // 86400,
                time=event["TIMESTAMP"],
                kind=kind,
                values={
                    "clicks": Decimal(1 if kind == "click" else 0),
                    "revenue": Decimal(repr(event["EVENT_VALUE"] or 0)) if kind == "purchase" else Decimal(0),
                    "margin": Decimal(repr(margin or 0)) if kind == "purchase" else Decimal(0),
                },
                age=event["_ingested"] // 10**9 - event["TIMESTAMP"],
            )
        )
    return rows, doubles


def _source(side: dict[str, str]) -> str:
    if side.get("EVENT_ATTRIBUTION_SOURCE"):
        return side["EVENT_ATTRIBUTION_SOURCE"].upper()
    given = side.get("RECOMMENDATION_ID", "")
    return SOURCES.get(given[-6:], "SOURCE_NAME_UNDEFINED") if len(given) == 40 else "SOURCE_NAME_UNDEFINED"


def per_user(shop: Shop, rows: list[Row], source: str, metric: str, until: int) -> dict[str, float]:
    """What each user brought from their first list on, until the evening of a day."""
    first: dict[str, int] = {}
    served = [row for row in shop.lists if row["source"] == source and START <= row["time"] < END]
    for given in served:
        day = given["time"] // 86400 - START // 86400
        if given["user_id"] and day <= until:
            first[given["user_id"]] = min(day, first.get(given["user_id"], day))
    if not served:
        first = {row.user: 0 for row in rows if row.source == source and row.user and row.day <= until}
    totals = dict.fromkeys(first, 0.0)
    for row in rows:
        if row.source == source and row.user in first and first[row.user] <= row.day <= until:
            totals[row.user] += float(row.values[metric])
    return totals


def mean(totals: dict[str, float]) -> float | None:
    """By user; None of nobody."""
    return math.fsum(totals.values()) / len(totals) if totals else None
