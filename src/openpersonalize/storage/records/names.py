"""The house's own columns, beside those of the caller's schema; `avro` keeps their names free."""

SOURCE = "_source"
"""Partition of the table: BULK or PUT."""
INGESTED = "_ingested"
"""Counts upward with the time of arrival, in nanoseconds since 1970; an id's highest row counts."""
SESSION = "_session_id"
EVENT = "_event_id"
SIDE = "_side"
"""JSON object of what came with an event and has no column: impression, attribution source, recommendation id."""

RECOMMENDATION_ID = "RECOMMENDATION_ID"
"""The member of `_side` that is always the last."""

BULK, PUT = "bulk", "put"
