"""The command line: one file per command."""

import sys
from typing import Annotated

import typer

from openpersonalize import __version__
from openpersonalize.cli import attribution, credentials, demo, job, serve, work
from openpersonalize.settings import SettingsError

cli = typer.Typer(
    help="Amazon Personalize, self-hosted.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
cli.command("serve")(serve.serve)
cli.command("work")(work.work)
cli.command("demo")(demo.demo)
cli.command("job", hidden=True)(job.job)
cli.command("door", hidden=True)(serve.door)
cli.add_typer(credentials.cli, name="credentials")
cli.add_typer(attribution.cli, name="attribution")


def _version(wanted: bool) -> None:  # noqa: FBT001  typer hands the option's value by position
    if wanted:
        typer.echo(f"openpersonalize {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Amazon Personalize, self-hosted: the same API, on your own machine."""
    del version


def main() -> None:
    """Run the command line; wrong settings end it with status 2 and one line for each fault."""
    try:
        cli()
    except SettingsError as fault:
        typer.echo(f"openpersonalize: {fault}", err=True)
        sys.exit(2)
