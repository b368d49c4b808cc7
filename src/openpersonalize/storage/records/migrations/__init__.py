"""The steps of the table of streamed rows: `r<NNNN>_<what>.py`, one straight line, never rewritten."""
