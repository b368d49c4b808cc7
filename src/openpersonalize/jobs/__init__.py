"""Work that outlives a request: a durable queue with leases, the worker that runs it, schedules.

A job is a row, written in the same transaction as the resource it serves (`queue`). A worker takes it under a lease and
runs its body, short ones itself, others in a process of their own (`worker`, `children`, `child`). What a body may do
is a `task`; how it can end stands in `ending`. `schedule` puts jobs into the queue again and again.
"""

from openpersonalize.jobs.ending import Handler
from openpersonalize.jobs.queue import Job, Lease, LeaseLost, Queue, Stopped
from openpersonalize.jobs.schedule import Schedules
from openpersonalize.jobs.task import Later, Task
from openpersonalize.jobs.worker import Worker

__all__ = ["Handler", "Job", "Later", "Lease", "LeaseLost", "Queue", "Schedules", "Stopped", "Task", "Worker"]
