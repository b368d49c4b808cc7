"""The steps of the ledger's tables: `r<NNNN>_<what>.py`, one straight line, never rewritten."""
