"""Interactions, items and users: Delta Lake tables for what is settled, a SQL table for what just streamed in."""
