"""Revisions of the tables of metric points, one straight line."""
