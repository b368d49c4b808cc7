"""`openpersonalize demo`: real films in, a trained model, recommendations out, through boto3 alone."""

import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer

from openpersonalize.cli.options import DataDir

if TYPE_CHECKING:
    from rich.console import Console


def demo(
    data_dir: DataDir = Path(),
    port: Annotated[int, typer.Option(help="Port of the demo's server; 0 picks a free one.")] = 0,
) -> None:
    """Train on 100,004 film ratings and show what comes out; at a terminal the server then stays up."""
    from rich.console import Console

    try:
        from openpersonalize.cli.demo import films, server, story
    except ModuleNotFoundError as missing:
        typer.echo(f"openpersonalize: the demo needs {missing.name}: pip install 'openpersonalize[demo]'", err=True)
        raise typer.Exit(1) from missing
    folder = _folder(data_dir)
    console = Console(soft_wrap=True)
    started = time.monotonic()
    console.rule("openpersonalize demo")
    catalogue = films.load()
    console.print(
        f"{len(catalogue.ratings):,} ratings of {len(catalogue.titles):,} films (MovieLens), kept in {folder}"
    )
    with server.running(folder, port) as clients:
        story.tell(console, clients, catalogue)
        console.print(f"\nAll of it took {time.monotonic() - started:.0f} seconds.")
        _epilogue(console, clients.endpoint, folder)
        if sys.stdin.isatty() and sys.stdout.isatty():
            console.print("\nThe server stays up; Ctrl-C ends it.")
            server.wait()


def _folder(data_dir: Path) -> Path:
    if data_dir == Path():
        return Path(mkdtemp(prefix="openpersonalize-demo-"))
    if data_dir.exists() and any(data_dir.iterdir()):
        typer.echo(f"openpersonalize: {data_dir} is not empty; the demo starts from nothing", err=True)
        raise typer.Exit(1)
    return data_dir.absolute()


def _epilogue(console: "Console", endpoint: str, folder: Path) -> None:
    console.print(
        f"""
[bold]What to try next[/bold]
  Serve this data again:   openpersonalize serve --data-dir {folder}
  Use it from your code:   export AWS_SHARED_CREDENTIALS_FILE={folder}/credentials AWS_PROFILE=openpersonalize
                           boto3.client("personalize-runtime", endpoint_url="{endpoint}")
  Open your own records:   Delta tables in {folder}/records, see docs/data.md
  Put your own CSV into    {folder}/s3/<bucket>/ and import it from s3://<bucket>/…"""
    )
