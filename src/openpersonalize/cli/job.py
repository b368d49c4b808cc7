"""`openpersonalize job`: one job in a process of its own; workers start it, people do not."""

from typing import Annotated

import typer

from openpersonalize import logs, settings
from openpersonalize.cli.options import DEFAULT_DATA_DIR, DataDir


def job(
    assignment: Annotated[list[str], typer.Argument(help="Job, owner, turn and parent, as the worker writes them.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Run the job of that row on behalf of the worker that holds its lease."""
    from openpersonalize import app
    from openpersonalize.jobs import child

    chosen = settings.load(data_dir)
    logs.configure(chosen.log_level, chosen.log_format)
    raise typer.Exit(child.run(child.Assignment.read(assignment), lambda: app.for_a_job(chosen)))
