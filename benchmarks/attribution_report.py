"""The attribution report over 10 million attributed interactions and 100 sources: seconds and peak memory.

A million users visit two and a half times each in four weeks; a visit sees two lists of one campaign and brings four
events.
Events are in a Delta table as PutEvents leaves them: an id each, the recommendation id in `_side`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EVENTS = 10_000_000
LISTS = 5_000_000
USERS = 1_000_000
SOURCES = 100
DAYS = 28
START = 1_767_225_600
RUNS = 3

MEASURED = """
import resource, sys, time
started = time.perf_counter()
import json
from pathlib import Path
from openpersonalize.attribution.events import Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Inputs, make
folder, start, days, sources = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
measures = [Measure.read("clicks", "click", "SAMPLECOUNT()"), Measure.read("orders", "purchase", "SAMPLECOUNT()"),
            Measure.read("sales", "purchase", "SUM(Interactions.EVENT_VALUE)")]
arns = {f"{number:06x}": f"arn:aws:personalize:us-east-1:000000000000:campaign/c{number}" for number in range(sources)}
report = make(Inputs(interactions=folder / "events", served=folder / "lists.parquet", measures=measures, sources=arns),
              Period(start, start + days * 86400))
seconds = time.perf_counter() - started
assert len(report.sources) == sources, len(report.sources)
print(json.dumps({"seconds": seconds, "cpu": time.process_time(), "events": report.counts.events,
                  "lists": sum(source.lists for source in report.sources),
                  "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def run() -> list[str]:
    """The table of all runs."""
    from benchmarks.tables import markdown

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, EVENTS, LISTS)
        rows = [_measure(folder, number) for number in range(RUNS)]
    title = f"## Attribution report: {EVENTS:,} events, {LISTS:,} lists, {SOURCES} sources, {DAYS} days, 3 metrics"
    return [
        title,
        "",
        markdown(rows),
        "",
        f"Start of Python included. Load of the machine at the end: {os.getloadavg()[0]:.1f}.",
    ]


def _measure(folder: Path, number: int) -> dict[str, object]:
    given = [str(folder), str(START), str(DAYS), str(SOURCES)]
    done = subprocess.run([sys.executable, "-c", MEASURED, *given], capture_output=True, text=True, check=True)
    got = json.loads(done.stdout.splitlines()[-1])
    return {
        "run": number + 1,
        "seconds": float(got["seconds"]),
        "CPU seconds": float(got["cpu"]),
        "peak MB": got["kilobytes"] / 1024,
        "events": got["events"],
        "lists": got["lists"],
    }


def write(folder: Path, events: int, lists: int) -> None:
    """The tables, by DuckDB; `i // 4` is the visit of an event and `i // 2` that of a list."""
    import duckdb
    from deltalake import write_deltalake

    connection = duckdb.connect(config={"memory_limit": "4GB"})
    connection.execute("SET enable_progress_bar = false")
    # Who visits, which campaign answers, when; `v` numbers the visits.
    visit = f"""'u' || (hash(v) % {USERS}) AS user_id, hash(v * 3) % {SOURCES} AS source,
        {START} + v * {DAYS * 86400 - 3600} // {events // 4} AS time"""
    rows = connection.sql(
        f"""SELECT 'put' AS _source, (time + 60) * 1000000000 + i AS _ingested, NULL::VARCHAR AS _session_id,
            uuid()::VARCHAR AS _event_id,
            '{{"RECOMMENDATION_ID":"RID-' || substr(uuid()::VARCHAR, 12, 25) || '-CID-'
              || printf('%06x', source::INTEGER) || '"}}' AS _side,
            user_id AS USER_ID, 'i' || (hash(i * 7) % 100000) AS ITEM_ID,
            CASE WHEN i % 5 = 0 THEN 'purchase' ELSE 'click' END AS EVENT_TYPE,
            CASE WHEN i % 5 = 0 THEN round(exp(3 + 3 * random()), 2) END AS EVENT_VALUE, time + i % 4 * 30 AS TIMESTAMP
          FROM (SELECT i, i // 4 AS v, {visit} FROM range({events}) t(i))"""  # noqa: S608
    )
    write_deltalake(folder / "events", rows.to_arrow_reader(1 << 17), partition_by=["_source"])
    connection.execute(
        f"""COPY (SELECT time::BIGINT AS time, user_id,
            'arn:aws:personalize:us-east-1:000000000000:campaign/c' || source AS source,
            uuid()::VARCHAR AS recommendation_id, 25::INTEGER AS shown, (i % 3)::INTEGER AS promoted,
            (i % 2)::INTEGER AS explored
          FROM (SELECT i, i // 2 AS v, {visit} FROM range({lists}) t(i)))
          TO '{folder / "lists.parquet"}' (FORMAT parquet)"""  # noqa: S608
    )
