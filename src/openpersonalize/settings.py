"""Every setting of the server, one row each: name, default, help.

A value comes, strongest first, from the command line, from the environment (`OPENPERSONALIZE_<NAME>`), from
`<data dir>/openpersonalize.toml`, from the default below. `docs/settings.md` is checked against this table.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "OPENPERSONALIZE_"


class SettingsError(Exception):
    """One or more settings are wrong; the message names each with its source, value and rule."""


def _row(default: Any, explanation: str, *, low: float | None = None, one_of: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": explanation, "low": low, "one_of": one_of})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration of one server."""

    data_dir: Path = field(metadata={"help": "Folder of everything the server keeps."})
    host: str = _row("127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
    port: int = _row(8080, "TCP port to listen on; 0 picks a free one.", low=0)
    processes: int = _row(1, "Serving processes that share the port.", low=1)
    threads: int = _row(16, "Threads per serving process for control plane calls, which mostly wait.", low=1)
    runtime_threads: int = _row(0, "Threads for events and recommendations, which compute; 0: one per core.", low=0)
    score_cache_mb: int = _row(
        64, "Memory per serving process for what models thought of histories; 0: think anew at every call.", low=0
    )
    max_body_bytes: int = _row(5 * 1024 * 1024, "Largest request body the server reads.", low=1024)

    authentication: str = _row(
        "strict",
        "strict checks every signature; lenient reads the key and region and trusts them; off asks for nothing.",
        one_of=("strict", "lenient", "off"),
    )
    account: str = _row("000000000000", "Account of the credentials made at first start.")
    region: str = _row("us-east-1", "Region where a request does not name one.")

    metadata_url: str = _row(
        "", "SQLAlchemy URL of resources, jobs and events; empty: SQLite files in the data folder."
    )
    objects_url: str = _row("", "Where s3:// lives: empty for <data dir>/s3, or the endpoint URL of an S3 service.")
    objects_access_key: str = _row("", "Access key for that S3 service; empty: the usual AWS environment.")
    objects_secret_key: str = _row("", "Secret key for that S3 service.")
    objects_region: str = _row("us-east-1", "Region of that S3 service.")

    cloudwatch_url: str = _row("", "Endpoint URL of a CloudWatch that metrics are sent on to; empty: none.")
    cloudwatch_access_key: str = _row("", "Access key for that CloudWatch; empty: the usual AWS environment.")
    cloudwatch_secret_key: str = _row("", "Secret key for that CloudWatch.")
    cloudwatch_region: str = _row("us-east-1", "Region of that CloudWatch.")
    cloudwatch_namespace: str = _row(
        "AWS/Personalize", "Namespace there; Amazon's own CloudWatch takes none that begins with AWS/."
    )
    cloudwatch_forward_seconds: float = _row(60.0, "How often metrics are sent on to that CloudWatch.", low=1)
    metric_keep_days: float = _row(455.0, "How long metric points are kept here.", low=14)

    job_slots: int = _row(2, "Jobs that run at the same time on this machine.", low=1)
    job_poll_seconds: float = _row(0.2, "How often a worker looks for work.", low=0.01)
    job_lease_seconds: float = _row(10.0, "A worker silent for so long loses its job to another.", low=0.5)
    job_attempts: int = _row(5, "How often an interrupted job is tried before it fails.", low=1)
    job_patience_seconds: float = _row(3.0, "How long a stopped job may tidy up before it is killed.", low=0)
    job_keep_days: float = _row(7.0, "How long the rows of ended jobs are kept.", low=0)

    train_threads: int = _row(0, "Threads of a training; 0: as many as cores, at most 4.", low=0)
    train_budget_seconds: float = _row(600.0, "Wall time a training plans for.", low=1)
    train_seed: int = _row(1, "Seed of every training: same data, same seed, same model.", low=0)

    auto_training_delay_seconds: float = _row(
        3300.0, "From a solution being ACTIVE to its first automatic training.", low=1
    )

    event_hot_days: float = _row(
        30.0, "How long streamed events stay in the fast store beside the Delta table.", low=0.01
    )
    event_settle_seconds: float = _row(60.0, "How often streamed events are copied into the Delta tables.", low=0.1)
    served_memory: str = _row(
        "on", "on: every list that is served is kept for attribution reports; off: none is.", one_of=("on", "off")
    )
    served_days: float = _row(400.0, "How long served lists are kept.", low=1)
    log_level: str = _row("info", "debug, info, warning or error.", one_of=("debug", "info", "warning", "error"))
    log_format: str = _row("auto", "auto: readable at a terminal, JSON elsewhere.", one_of=("auto", "json", "text"))

    quota_dataset_groups: int = _row(5, "Active dataset groups per region.", low=1)
    quota_schemas: int = _row(500, "Schemas per region.", low=1)
    quota_open_import_jobs: int = _row(5, "Import jobs pending or in progress per region.", low=1)
    quota_open_solution_versions: int = _row(20, "Solution versions pending or in progress per region.", low=1)
    quota_solutions: int = _row(10, "Active solutions per dataset group.", low=1)
    quota_campaigns: int = _row(5, "Active campaigns per dataset group.", low=1)
    filter_refresh_seconds: float = _row(
        15.0, "How old item and user columns in the memory of filters may be before the store is looked at.", low=0
    )
    filter_action_interactions: int = _row(
        300, "Newest action interactions per user and event type that filters see.", low=1
    )
    filter_interactions: int = _row(
        100, "Newest interactions per user and event type that filters, and use cases that hide items, see.", low=1
    )
    filter_imported_events: int = _row(
        5_000_000,
        "Newest events, of all users, that filters see of what was imported since a training; held in memory.",
        low=1,
    )
    quota_filters: int = _row(30, "Filters per dataset group.", low=1)
    quota_filter_fields: int = _row(10, "Distinct dataset fields in one filter.", low=1)
    quota_group_filter_fields: int = _row(20, "Distinct dataset fields in all filters of a dataset group.", low=1)
    quota_open_batch_inference_jobs: int = _row(5, "Batch inference jobs pending or in progress per region.", low=1)
    quota_open_batch_segment_jobs: int = _row(5, "Batch segment jobs pending or in progress per region.", low=1)
    quota_recommenders: int = _row(5, "Recommenders per dataset group.", low=1)
    quota_pending_data_deletion_jobs: int = _row(5, "Data deletion jobs pending per dataset group.", low=1)
    quota_results: int = _row(500, "Items that GetRecommendations may be asked for.", low=1)
    quota_action_results: int = _row(100, "Actions that GetActionRecommendations may be asked for.", low=1)
    quota_ranking_items: int = _row(500, "Items that GetPersonalizedRanking ranks at once.", low=1)
    quota_results_with_metadata: int = _row(50, "Items of an answer with metadata columns.", low=1)
    quota_metadata_columns: int = _row(10, "Metadata columns that a request may ask for.", low=1)
    quota_interaction_columns: int = _row(5, "Metadata columns of a schema for Interactions.", low=1)
    quota_item_columns: int = _row(100, "Metadata columns of a schema for Items.", low=1)
    quota_user_columns: int = _row(25, "Metadata columns of a schema for Users.", low=1)
    quota_action_columns: int = _row(10, "Metadata columns of a schema for Actions.", low=1)
    quota_action_interaction_columns: int = _row(5, "Metadata columns of a schema for Action interactions.", low=1)
    quota_event_types: int = _row(
        10, "Event types in the data of a training and optional columns of Interactions, together.", low=1
    )
    quota_items_considered: int = _row(750_000, "Items that a training considers.", low=1)
    quota_items_considered_v2: int = _row(5_000_000, "Items that a training of a v2 recipe considers.", low=1)
    quota_interactions_considered: int = _row(500_000_000, "Interactions that a training considers.", low=1)
    quota_interactions_considered_v2: int = _row(
        3_000_000_000, "Interactions that a training of a v2 recipe considers.", low=1
    )
    quota_actions_considered: int = _row(1000, "Actions that a training considers.", low=1)
    quota_action_interactions_considered: int = _row(
        500_000_000, "Action interactions that a training considers.", low=1
    )
    quota_hpo_jobs: int = _row(40, "Training jobs that hyperparameter optimisation may be asked for.", low=1)
    quota_parallel_hpo_jobs: int = _row(10, "Training jobs of it that may be asked to run at once.", low=1)
    quota_metrics: int = _row(10, "Metrics of a metric attribution.", low=1)
    quota_attribution_sources: int = _row(
        100, "Sources of a metric attribution that have a name in published points.", low=1
    )
    quota_event_bytes: int = _row(10 * 1024, "Bytes of one event or action interaction, written as JSON.", low=1)
    quota_import_bytes: int = _row(100 * 1024**3, "Bytes of the files of a FULL import.", low=1)
    quota_incremental_import_bytes: int = _row(1024**3, "Bytes of the files of an INCREMENTAL import.", low=1)
    quota_deletion_bytes: int = _row(100 * 1024**2, "Bytes of the files of a data deletion job.", low=1)
    quota_batch_files: int = _row(1000, "Input files of a batch inference or segment job.", low=1)
    quota_batch_bytes: int = _row(1024**3, "Bytes of the input files of a batch inference or segment job.", low=1)
    quota_batch_records: int = _row(50_000_000, "Lines of one input file of a batch inference job.", low=1)
    quota_batch_results: int = _row(500, "Items for each line of a batch inference job.", low=1)
    quota_segment_users: int = _row(5_000_000, "Users of each segment of a batch segment job.", low=1)
    quota_segment_item_queries: int = _row(
        500, "Lines of one input file of a batch segment job that asks for items.", low=1
    )
    quota_segment_attribute_queries: int = _row(
        10, "Lines of one input file of a batch segment job that asks for attributes of items.", low=1
    )
    rate_limits: str = _row(
        "off", "on: calls beyond the rates below are refused with ThrottlingException.", one_of=("off", "on")
    )
    rate_put_events: float = _row(1000.0, "PutEvents calls per second and dataset group.", low=1)
    rate_put_action_interactions: float = _row(
        1000.0, "PutActionInteractions calls per second and dataset group.", low=1
    )
    rate_put_items: float = _row(10.0, "PutItems calls per second and dataset group.", low=1)
    rate_put_users: float = _row(10.0, "PutUsers calls per second and dataset group.", low=1)
    rate_put_actions: float = _row(10.0, "PutActions calls per second and dataset group.", low=1)
    rate_campaign: float = _row(500.0, "Calls per second of each runtime operation and campaign or recommender.", low=1)
    rate_runtime: float = _row(2500.0, "Calls per second of all runtime operations together, per region.", low=1)
    minimum_interactions: int = _row(
        1000, "Interactions an import or a training needs; action interactions an INCREMENTAL import needs.", low=1
    )
    minimum_users: int = _row(25, "Users with two or more interactions that a training needs.", low=1)
    minimum_users_share: float = _row(0.01, "Those users as a share of all users that a training needs.", low=0)

    @property
    def credentials_file(self) -> Path:
        """The AWS shared-credentials file made at first start."""
        return self.data_dir / "credentials"


def load(data_dir: Path, overrides: Mapping[str, Any] | None = None, env: Mapping[str, str] = os.environ) -> Settings:
    """The settings for a data folder; raises SettingsError that tells all faults at once."""
    table = {row.name: row for row in fields(Settings) if row.name != "data_dir"}
    faults: list[str] = []
    values: dict[str, Any] = {}
    for source, given in (
        (str(data_dir / "openpersonalize.toml"), _file(data_dir / "openpersonalize.toml")),
        ("environment", {k.removeprefix(PREFIX).lower(): v for k, v in env.items() if k.startswith(PREFIX)}),
        ("command line", {k: v for k, v in (overrides or {}).items() if v is not None}),
    ):
        for name, value in given.items():
            if name == "data_dir":
                continue
            if name not in table:
                faults.append(f"{source}: there is no setting {name}{_nearest(name, table)}")
                continue
            try:
                values[name] = _convert(table[name], value)
            except ValueError as fault:
                faults.append(f"{source}: {name} = {value!r}: {fault}")
    if faults:
        raise SettingsError("\n".join(faults))
    return Settings(data_dir=data_dir.absolute(), **values)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as fault:
        raise SettingsError(f"{path}: {fault}") from fault


def _nearest(name: str, table: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, table, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _convert(row: Field[Any], value: Any) -> Any:
    kind = type(row.default) if row.default is not MISSING else str
    try:
        converted = kind(value)
    except (TypeError, ValueError):
        raise ValueError(f"expected {'a whole number' if kind is int else 'a number'}") from None
    low, one_of = row.metadata["low"], row.metadata["one_of"]
    if low is not None and converted < low:
        raise ValueError(f"expected at least {low:g}")
    if one_of and converted not in one_of:
        raise ValueError(f"expected one of {', '.join(one_of)}")
    return converted
