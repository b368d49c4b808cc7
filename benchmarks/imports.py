"""Import of 10 million interactions: rows per second and peak memory of the process that imports.

The file holds 1 million users and 100,000 items; it is written anew for each run, outside the measured time.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = 10_000_000
RUNS = 3

MEASURED = """
import json, resource, sys, time
from pathlib import Path
from openpersonalize import app, avro, settings
from openpersonalize.storage.records import Dataset
folder = Path(sys.argv[1])
parts = app.open_parts(settings.load(folder, {}, {}))
names = (("USER_ID", "string"), ("ITEM_ID", "string"), ("EVENT_TYPE", "string"), ("EVENT_VALUE", "float"),
         ("TIMESTAMP", "long"))
fields = [{"name": name, "type": kind} for name, kind in names]
schema = avro.parse(json.dumps({"type": "record", "name": "Interactions", "fields": fields}), None)
started = time.perf_counter()
parts.context.records.import_files(
    Dataset("000000000000", "us-east-1", "bench", "INTERACTIONS"), schema, [("rows.csv", folder / "rows.csv")],
    mode="FULL", token=sys.argv[2], minimum_rows=1000, progress=lambda share, text: None, before_commit=lambda: None)
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
parts.close()
"""


def run() -> list[str]:
    """The table of all runs."""
    from benchmarks.tables import markdown

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "rows.csv", ROWS)
        size = (folder / "rows.csv").stat().st_size / 1e6
        rows = [_measure(folder, number) for number in range(RUNS)]
    return [f"## Import of {ROWS:,} interactions, five columns, {size:,.0f} MB of CSV", "", markdown(rows)]


def _measure(folder: Path, number: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder), f"run-{number}"], capture_output=True, text=True, check=True
    )
    got = json.loads(done.stdout.splitlines()[-1])
    return {
        "run": number + 1,
        "seconds": float(got["seconds"]),
        "rows/s": ROWS / got["seconds"],
        "peak MB": got["kilobytes"] / 1024,
    }


def write(path: Path, rows: int) -> None:
    """Random interactions, by DuckDB's own writer."""
    import duckdb

    duckdb.sql(
        f"""copy (select 'u' || (hash(i) % 1000000)::varchar as USER_ID,
            'i' || (hash(i * 7 + 1) % 100000)::varchar as ITEM_ID,
            case when i % 5 = 0 then 'buy' else 'click' end as EVENT_TYPE, round((i % 50) / 10.0, 1) as EVENT_VALUE,
            1700000000 + i as TIMESTAMP from range({rows}) t(i)) to '{path}' (header, delimiter ',')"""  # noqa: S608
    )
