"""Stored records to a fitted model and its offline metrics: read, split, fit."""
