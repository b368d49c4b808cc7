"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DataDir: TypeAlias = Annotated[
    Path,
    typer.Option("--data-dir", envvar="OPENPERSONALIZE_DATA_DIR", help="Folder of everything the server keeps."),
]

DEFAULT_DATA_DIR = Path("data")
