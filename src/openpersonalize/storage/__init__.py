"""Where everything is kept: `metadata` (resources, jobs), `records` (interactions, items, users), `objects` (files)."""
