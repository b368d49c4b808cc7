"""Run the benchmarks and write what they measured, with machine and commit, to benchmarks/results, a file each.

python -m benchmarks                 all of them
python -m benchmarks serving         one of them, by a name of SUITES
"""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import (
    attribution_report,
    attribution_serving,
    attribution_statistics,
    control_plane,
    imports,
    served_memory,
    serving,
    startup,
)
from benchmarks.tables import markdown
from openpersonalize.clock import SystemClock

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DATA = Path(os.environ.get("OPENPERSONALIZE_BENCH_DATA", HERE.parent.parent / "shared" / "data"))


def _quality() -> list[str]:
    from benchmarks import quality

    rows = quality.run(DATA, seeds=(1, 2, 3))
    return ["## Quality", "", markdown(rows)]


SUITES: Mapping[str, Callable[[], list[str]]] = {
    "quality": _quality,
    "imports": imports.run,
    "serving": serving.run,
    "served_memory": served_memory.run,
    "startup": startup.run,
    "control_plane": control_plane.run,
    "attribution_statistics": attribution_statistics.run,
    "attribution_report": attribution_report.run,
    "attribution_serving": attribution_serving.run,
}


def main(names: Sequence[str]) -> None:
    """Run the named suites, or all."""
    unknown = set(names) - set(SUITES)
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    RESULTS.mkdir(exist_ok=True)
    for name in names or SUITES:
        print(f"--- {name}", flush=True)
        text = "\n".join([*SUITES[name](), "", *_where(), ""])
        (RESULTS / f"{name}.md").write_text(text)
        print(text, flush=True)


def _where() -> list[str]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    day = SystemClock().now().date()
    hash_ = commit.stdout.strip() or "unknown"
    machine = f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"
    return [f"{day}, commit {hash_}, {machine}."]


if __name__ == "__main__":
    main(sys.argv[1:])
