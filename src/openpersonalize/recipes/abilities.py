"""What recipes can do: words for the catalogue, and the sets that several recipes share."""

from typing import Literal, TypeAlias

Ability: TypeAlias = Literal[
    "real time",  # events shift the next answer without training
    "exploration",  # the service explores by itself
    "exploration settings",  # the caller may set weight and age of exploration
    "automatic update",  # new items join every two hours without training
    "incremental update",  # performIncrementalUpdate
    "training update",  # trainingMode UPDATE
    "context",
    "impressions",
    "items metadata",  # columns of Items are learned from
    "users metadata",
    "metadata in responses",  # without a flag and without charge
    "filters",
    "event filters",  # filters may read what users did
    "promotions",
    "current item",  # CurrentItem in filters
    "themes",
    "hpo",
    "objective",  # optimizationObjective
    "event weights",  # eventsConfig
    "scores",
    "reasons",
    "ranking influence",
]

SEQUENCE: frozenset[Ability] = frozenset(
    {"real time", "context", "items metadata", "users metadata", "filters", "event filters", "scores"}
)
"""Of every recipe that learns from the order of a user's events."""

SECOND: frozenset[Ability] = SEQUENCE | {"metadata in responses", "event weights"}
"""Of the v2 recipes."""

EXPLORES: frozenset[Ability] = frozenset({"exploration", "automatic update"})
LISTS: frozenset[Ability] = frozenset({"filters", "event filters", "promotions"})
"""Of recipes that give everybody the same list."""

SIMILAR: frozenset[Ability] = LISTS | {"current item"}
"""Of recipes that start from an item."""
