"""`openpersonalize credentials`: make, list and revoke access keys; a running server follows within a second."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openpersonalize import settings
from openpersonalize.cli.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    from openpersonalize.app import Parts
    from openpersonalize.resources.context import Context
    from openpersonalize.storage.metadata.credentials import Credential

PROFILE = "openpersonalize"

cli = typer.Typer(help="Access keys of this server.", no_args_is_help=True)


@cli.command()
def create(
    account: Annotated[str | None, typer.Option(help="Twelve digits; default: the server's own account.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a key and print it as a section of an AWS shared-credentials file."""
    with _opened(data_dir) as parts:
        wanted = account or parts.settings.account
        if not re.fullmatch(r"\d{12}", wanted):
            raise typer.BadParameter(f"{wanted!r} is not an account: twelve digits", param_hint="--account")
        made = parts.context.metadata.credentials.create(wanted, principal(wanted))
        typer.echo(section(f"{PROFILE}-{wanted}", made, parts.settings.region), nl=False)


@cli.command("list")
def list_keys(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """List the keys: id, account, when made; never the secret."""
    with _opened(data_dir) as parts:
        for key in parts.context.metadata.credentials.list():
            typer.echo(f"{key.access_key_id}  {key.account}  {key.created:%Y-%m-%d %H:%M:%S}Z")


@cli.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The access key id.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Make a key useless."""
    with _opened(data_dir) as parts:
        if not parts.context.metadata.credentials.revoke(key_id):
            typer.echo(
                f"openpersonalize: there is no access key {key_id}; see: openpersonalize credentials list", err=True
            )
            raise typer.Exit(1)
        typer.echo(f"{key_id} is revoked.")


@contextmanager
def _opened(data_dir: Path) -> Iterator["Parts"]:
    from openpersonalize import app

    parts = app.open_parts(settings.load(data_dir))
    try:
        yield parts
    finally:
        parts.close()


def principal(account: str) -> str:
    """Whom the keys stand for: the account's root, who may do everything."""
    return f"arn:aws:iam::{account}:root"


def section(profile: str, key: "Credential", region: str) -> str:
    """A key as a section of an AWS shared-credentials file, with the region that clients then take."""
    return (
        f"[{profile}]\n"
        f"aws_access_key_id = {key.access_key_id}\n"
        f"aws_secret_access_key = {key.secret}\n"
        f"region = {region}\n"
    )


def ensure(context: "Context") -> None:
    """Make the first key and its file, if there is no file; readable by the owner alone."""
    file = context.settings.credentials_file
    if file.exists():
        return
    account = context.settings.account
    made = context.metadata.credentials.create(account, principal(account))
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(section(PROFILE, made, context.settings.region))
    new.replace(file)
