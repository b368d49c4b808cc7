"""Work that outlives a request: a durable queue with leases, the worker that runs it, schedules."""
