"""Which of the stored records a training may use: by event type, value and column."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from openpersonalize.avro import Column, Schema


@dataclass(frozen=True)
class EventRule:
    """Events of one type count when they reach the threshold, with this weight; type None stands for every type."""

    type: str | None
    threshold: float | None = None
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rules of events, of which one must hold, and columns by dataset type.

    An event without a value reaches no threshold. `included` names all columns that a dataset may teach with,
    `excluded` those that it may not; ids, times and EVENT_TYPE are always used.
    """

    events: tuple[EventRule, ...] = (EventRule(None),)
    weighted: bool = False
    included: Mapping[str, frozenset[str]] = field(default_factory=dict)
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, event_type: str | None, config: Mapping[str, Any]) -> Self:
        """From a solution's `eventType` and its `solutionConfig` as they are on the wire."""
        rules = (config.get("eventsConfig") or {}).get("eventParametersList") or []
        threshold = config.get("eventValueThreshold")
        single = EventRule(event_type, None if threshold is None else float(threshold))
        columns = config.get("trainingDataConfig") or {}
        return cls(
            events=tuple(_rule(rule) for rule in rules) or (single,),
            weighted=bool(rules),
            included=_sets(columns.get("includedDatasetColumns") or {}),
            excluded=_sets(columns.get("excludedDatasetColumns") or {}),
        )

    @property
    def takes_all(self) -> bool:
        """Whether no event is left out."""
        return self.events == (EventRule(None),)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types that are asked for, none when all are."""
        return tuple(rule.type for rule in self.events if rule.type is not None)

    def columns(self, schema: Schema) -> tuple[Column, ...]:
        """The columns of Items or Users that teach something: categories and numbers, never ids.

        Booleans and plain strings never do, free text does not yet; CREATION_TIMESTAMP is read apart from these.
        """
        usable = (column for column in schema.columns if column.categorical or column.is_number)
        return tuple(
            column
            for column in usable
            if column.name != "CREATION_TIMESTAMP" and self._allows(schema.dataset_type, column.name)
        )

    def uses_creation_time(self, schema: Schema) -> bool:
        """Whether Items tell when they were created, and may."""
        name = "CREATION_TIMESTAMP"
        return name in schema.by_name and self._allows(schema.dataset_type, name)

    def _allows(self, dataset_type: str, name: str) -> bool:
        included = self.included.get(dataset_type)
        return name not in self.excluded.get(dataset_type, ()) and (included is None or name in included)


def _rule(rule: Mapping[str, Any]) -> EventRule:
    threshold, weight = rule.get("eventValueThreshold"), rule.get("weight")
    return EventRule(
        rule.get("eventType"),
        None if threshold is None else float(threshold),
        1.0 if weight is None else float(weight),
    )


def _sets(columns: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    return {dataset_type.upper(): frozenset(names) for dataset_type, names in columns.items()}
