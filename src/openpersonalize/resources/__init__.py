"""The API, one module per Amazon noun: its record, its operations and the bodies of its jobs."""
