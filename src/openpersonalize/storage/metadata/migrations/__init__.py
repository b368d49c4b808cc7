"""The steps from an empty database to the newest tables: `r<NNNN>_<what>.py`, one straight line, never rewritten."""
