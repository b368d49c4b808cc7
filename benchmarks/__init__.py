"""Measurements: quality, speed and memory; `make bench` runs them all and writes `benchmarks/results`."""
