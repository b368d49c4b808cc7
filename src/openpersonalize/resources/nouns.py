"""All nouns of the API: importing this module registers every operation and every job."""

from openpersonalize.resources import (
    campaigns,
    dataset_groups,
    dataset_import_jobs,
    datasets,
    event_trackers,
    events,
    recipes,
    recommendations,
    schemas,
    solution_versions,
    solutions,
    tags,
)

__all__ = [
    "campaigns",
    "dataset_groups",
    "dataset_import_jobs",
    "datasets",
    "event_trackers",
    "events",
    "recipes",
    "recommendations",
    "schemas",
    "solution_versions",
    "solutions",
    "tags",
]
