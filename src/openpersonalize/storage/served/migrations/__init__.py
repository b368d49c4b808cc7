"""Revisions of the table of served lists that are not settled, one straight line."""
