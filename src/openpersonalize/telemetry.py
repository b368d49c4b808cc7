"""Counters for operators, in the format of Prometheus.

When several processes share one port, the one that starts them sets PROMETHEUS_MULTIPROC_DIR to an empty folder before
any of them imports this module; each then counts in files there and `exposition` tells the sum of all. Job
subprocesses are to be started without it: they count nothing, and every process leaves files behind.
"""

import os
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

_registry = CollectorRegistry()
_requests = Counter(
    "openpersonalize_requests",
    "Calls answered, by operation and error code.",
    ("operation", "code"),
    registry=_registry,
)
_latency = Histogram(
    "openpersonalize_request_seconds",
    "From the first byte read to the answer written, by operation.",
    ("operation",),
    buckets=_SECONDS,
    registry=_registry,
)
_jobs = Counter("openpersonalize_jobs", "Jobs ended, by kind and outcome.", ("kind", "outcome"), registry=_registry)
_job_seconds = Counter("openpersonalize_job_seconds", "Time spent in jobs, by kind.", ("kind",), registry=_registry)
_dropped_lists = Counter(
    "openpersonalize_served_lists_dropped",
    "Served lists that were forgotten as the database took none.",
    registry=_registry,
)

# Looking a child up costs more than counting with it. The labels are names of the service model and of our classes, so
# the caches stay small.
_request = cache(_requests.labels)
_seconds = cache(_latency.labels)
_job = cache(_jobs.labels)
_job_time = cache(_job_seconds.labels)


def count_request(operation: str, code: str, seconds: float) -> None:
    """Count one answered call; `code` is "OK" or the name of the error."""
    _request(operation, code).inc()
    _seconds(operation).observe(seconds)


def count_job(kind: str, outcome: str, seconds: float) -> None:
    """Count one run of a job that ended, for instance ("solution-version.create", "done", 41.5)."""
    _job(kind, outcome).inc()
    _job_time(kind).inc(seconds)


def count_dropped_lists(lists: int) -> None:
    """Count served lists that reports will not know of."""
    _dropped_lists.inc(lists)


def exposition() -> bytes:
    """All counters as text for GET /metrics: of this process, or of all that share the folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(_registry)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)
