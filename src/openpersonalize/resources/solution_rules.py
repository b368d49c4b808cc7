"""What a solution may ask of its recipe and its data: every broken rule as one sentence.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_SolutionConfig.html
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openpersonalize import avro
from openpersonalize.recipes import catalog
from openpersonalize.resources import hpo_rules

Schemas = Mapping[str, avro.Schema]

NEVER_EXCLUDED = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "ACTION_ID")
NUMERIC = ("int", "long", "float", "double")
_MOST_DAYS = 30
_USUAL_DAYS = 7


def faults_of(
    recipe: catalog.Recipe,
    schemas: Schemas,
    *,
    perform_hpo: bool,
    perform_auto_training: bool,
    perform_incremental_update: bool | None,
    event_type: str | None,
    config: Mapping[str, Any],
) -> list[str]:
    """All broken rules of a CreateSolution call, each naming member, value and rule."""
    return [
        *_datasets(recipe, schemas),
        *_events(recipe, schemas, event_type, config),
        *catalog.check_hyperparameters(
            recipe, config.get("algorithmHyperParameters") or {}, config.get("featureTransformationParameters") or {}
        ),
        *hpo_rules.faults(recipe, config, perform_hpo=perform_hpo),
        *training_data("solutionConfig", schemas, config.get("trainingDataConfig") or {}),
        *_objective(recipe, schemas, config.get("optimizationObjective")),
        *_schedule(config.get("autoTrainingConfig"), perform_auto_training=perform_auto_training),
        *_incremental(recipe, perform_incremental_update=perform_incremental_update),
    ]


def faults_of_update(
    recipe: catalog.Recipe,
    schemas: Schemas,
    *,
    perform_auto_training: bool,
    perform_incremental_update: bool | None,
    event_type: str | None,
    config: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> list[str]:
    """All broken rules of an UpdateSolution call: `config` is the solution's as it would be, `changes` what is new."""
    return [
        *(_events(recipe, schemas, event_type, config) if "eventsConfig" in changes else ()),
        *_schedule(changes.get("autoTrainingConfig"), perform_auto_training=perform_auto_training),
        *_incremental(recipe, perform_incremental_update=perform_incremental_update),
    ]


def _datasets(recipe: catalog.Recipe, schemas: Schemas) -> Iterator[str]:
    for kind in sorted(recipe.required_datasets):
        if kind not in schemas:
            yield f"datasetGroupArn: the recipe {recipe.name} needs a dataset of type {kind}, and the group has none."


def _events(
    recipe: catalog.Recipe, schemas: Schemas, event_type: str | None, config: Mapping[str, Any]
) -> Iterator[str]:
    threshold, weights = config.get("eventValueThreshold"), config.get("eventsConfig")
    columns = _names(schemas.get("INTERACTIONS"))
    if (event_type is not None or weights) and "EVENT_TYPE" not in columns:
        member = "eventType" if event_type is not None else "solutionConfig.eventsConfig"
        yield f"{member} needs the column EVENT_TYPE in Interactions."
    if threshold is not None:
        if "EVENT_VALUE" not in columns:
            yield "solutionConfig.eventValueThreshold needs the column EVENT_VALUE in Interactions."
        if not _is_number(threshold):
            yield f"solutionConfig.eventValueThreshold: '{threshold}' is not a number."
    if weights:
        yield from _weights(recipe, columns, weights.get("eventParametersList") or ())
        if event_type is not None or threshold is not None:
            yield "solutionConfig.eventsConfig cannot be combined with eventType or eventValueThreshold."


def _weights(recipe: catalog.Recipe, columns: set[str], rules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if "event weights" not in recipe.abilities:
        yield f"solutionConfig.eventsConfig is not supported by the recipe {recipe.name}."
    if "EVENT_VALUE" not in columns and any("eventValueThreshold" in rule for rule in rules):
        yield "solutionConfig.eventsConfig needs the column EVENT_VALUE in Interactions for its thresholds."


def training_data(member: str, schemas: Schemas, config: Mapping[str, Any]) -> Iterator[str]:
    """The broken rules of the `trainingDataConfig` below `member`: columns that are not there or must stay."""
    where = f"{member}.trainingDataConfig"
    included, excluded = config.get("includedDatasetColumns") or {}, config.get("excludedDatasetColumns") or {}
    both = {key.upper() for key in included} & {key.upper() for key in excluded}
    if both:
        kinds = ", ".join(sorted(both))
        yield f"{where} includes and excludes columns of {kinds}; do one of them."
    for name, chosen in (("includedDatasetColumns", included), ("excludedDatasetColumns", excluded)):
        for kind, names in chosen.items():
            yield from _columns(schemas, f"{where}.{name}", kind, names)


def _columns(schemas: Schemas, where: str, kind: str, names: list[str]) -> Iterator[str]:
    known = _names(schemas.get(kind.upper()))
    if not known:
        yield f"{where}: the dataset group has no dataset of type {kind}."
        return
    for name in names:
        if name not in known:
            yield f"{where}: {kind} has no column {name}; it has {', '.join(sorted(known))}."
        elif where.endswith("excludedDatasetColumns") and name in NEVER_EXCLUDED:
            yield f"{where}: {name} cannot be excluded from training."


def _objective(recipe: catalog.Recipe, schemas: Schemas, objective: Mapping[str, Any] | None) -> Iterator[str]:
    if not objective:
        return
    if "objective" not in recipe.abilities:
        yield f"solutionConfig.optimizationObjective is not supported by the recipe {recipe.name}."
    wanted = objective.get("itemAttribute")
    items = schemas.get("ITEMS")
    column = next((c for c in items.columns if c.name == wanted), None) if items else None
    where = "solutionConfig.optimizationObjective.itemAttribute"
    if wanted == "CREATION_TIMESTAMP":
        yield f"{where}: {wanted} is the time of an item and no objective; name another column."
    elif wanted is not None and (column is None or column.nullable or column.kind not in NUMERIC):
        yield f"{where}: {wanted} is not a numeric, non-null column of Items."


def _schedule(config: Mapping[str, Any] | None, *, perform_auto_training: bool) -> Iterator[str]:
    if not config:
        return
    if not perform_auto_training:
        yield "solutionConfig.autoTrainingConfig needs performAutoTraining to be true."
    text = config.get("schedulingExpression") or ""
    days = re.fullmatch(r"rate\((\d+) days?\)", text)
    if text and (days is None or not 1 <= int(days[1]) <= _MOST_DAYS):
        where = "solutionConfig.autoTrainingConfig.schedulingExpression"
        yield f"{where}: '{text}' must be rate(<1 to {_MOST_DAYS}> days)."


def days_between_trainings(config: Mapping[str, Any]) -> int:
    """The rate of automatic training.

    >>> days_between_trainings({"autoTrainingConfig": {"schedulingExpression": "rate(3 days)"}})
    3
    """
    text = (config.get("autoTrainingConfig") or {}).get("schedulingExpression") or ""
    days = re.fullmatch(r"rate\((\d+) days?\)", text)
    return int(days[1]) if days else _USUAL_DAYS


def _incremental(recipe: catalog.Recipe, *, perform_incremental_update: bool | None) -> Iterator[str]:
    if perform_incremental_update and "incremental update" not in recipe.abilities:
        yield f"performIncrementalUpdate is not supported by the recipe {recipe.name}, only by aws-semantic-similarity."


def _names(schema: avro.Schema | None) -> set[str]:
    return {column.name for column in schema.columns} if schema else set()


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False
