"""What a metric attribution should have counted, one event after another, in plain Python.

It shares nothing with the service: no query, no window, no rounding of its code. It knows what arrived in which order,
and when something was sure to be counted: what an item costs then is what counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

Key = tuple[str, str, int]
"""Metric and source as CloudWatch shows them, and the start of the quarter of an hour."""

FORTNIGHT = 14 * 24 * 60 * 60


@dataclass(frozen=True)
class Happening:
    """An event, or a row of an import; `ago` is how many seconds before its arrival it happened."""

    kind: str
    item: str
    ago: int
    source: str | None = None
    recommendation_id: str | None = None
    value: str | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class Metric:
    """A metric and what it adds: 1, the `value` of the event, or the price of its item."""

    name: str
    kind: str
    adds: str

    @property
    def member(self) -> dict[str, str]:
        """As CreateMetricAttribution takes it."""
        of = {"one": "SAMPLECOUNT()", "value": "SUM(Interactions.EVENT_VALUE)", "price": "SUM(Items.PRICE)"}
        return {"eventType": self.kind, "metricName": self.name, "expression": of[self.adds]}


@dataclass
class Recount:
    """The books of one attribution; `campaigns` are ARNs by recommendation id."""

    campaigns: Mapping[str, str]
    metrics: list[Metric]
    prices: dict[str, str]
    points: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    notes: Counter[str] = field(default_factory=Counter)
    _arrived: list[tuple[Happening, int]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def streamed(self, event: Happening, time: int) -> None:
        """An event came that happened at `time`; it is counted later."""
        self._arrived.append((event, time))

    def count(self) -> None:
        """All that came until now is counted."""
        fresh = []
        for event, time in self._arrived:
            if event.event_id is not None and event.event_id in self._seen:
                self.notes["AttributionDuplicateEvents"] += 1
                continue
            if event.event_id is not None:
                self._seen.add(event.event_id)
            fresh.append((event, time))
        self._arrived = []
        self._publish(fresh)

    def imported(self, rows: Sequence[tuple[Happening, int]], mode: str) -> dict[Key, Decimal]:
        """Rows were imported; gives what a report of them says."""
        if mode == "INCREMENTAL":
            self._publish(rows)
        found: dict[Key, Decimal] = defaultdict(Decimal)
        for key, value in self._values(rows):
            found[key] += value
        return dict(found)

    def _publish(self, events: Sequence[tuple[Happening, int]]) -> None:
        for key, value in self._values((event, time) for event, time in events if event.ago < FORTNIGHT):
            self.points[key] += value
        for event, _ in events:
            if not any(metric.kind.lower() == event.kind.lower() for metric in self.metrics):
                continue
            if event.ago >= FORTNIGHT:
                self.notes["AttributionStaleEvents"] += 1
            elif event.ago >= 15 * 60:
                self.notes["AttributionLateEvents"] += 1
            if not (event.source or "").strip():
                if not event.recommendation_id:
                    self.notes["AttributionEventsWithoutSource"] += 1
                elif event.recommendation_id not in self.campaigns:
                    self.notes["AttributionUnknownRecommendationIds"] += 1

    def _values(self, events: Iterable[tuple[Happening, int]]) -> Iterable[tuple[Key, Decimal]]:
        for event, time in events:
            for metric in self.metrics:
                if metric.kind.lower() == event.kind.lower():
                    start = time - time % 900
                    yield (metric.name.upper(), self._source(event), start), self._adds(metric, event)

    def _source(self, event: Happening) -> str:
        if (event.source or "").strip():
            return str(event.source).upper()
        return self.campaigns.get(event.recommendation_id or "", "SOURCE_NAME_UNDEFINED")

    def _adds(self, metric: Metric, event: Happening) -> Decimal:
        if metric.adds == "one":
            return Decimal(1)
        return Decimal((event.value if metric.adds == "value" else self.prices.get(event.item)) or 0)
