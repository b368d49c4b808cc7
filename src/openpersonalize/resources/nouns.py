"""All nouns of the API: importing this module registers every operation and every job."""

from openpersonalize.resources import (
    action_interactions,
    campaigns,
    dataset_groups,
    dataset_import_jobs,
    dataset_updates,
    datasets,
    event_trackers,
    events,
    individual_records,
    recipes,
    recommendations,
    schemas,
    solution_updates,
    solution_versions,
    solutions,
    tags,
)

__all__ = [
    "action_interactions",
    "campaigns",
    "dataset_groups",
    "dataset_import_jobs",
    "dataset_updates",
    "datasets",
    "event_trackers",
    "events",
    "individual_records",
    "recipes",
    "recommendations",
    "schemas",
    "solution_updates",
    "solution_versions",
    "solutions",
    "tags",
]
