"""Who stands on whom: resources found by a relation alone, whatever their kinds."""

from collections.abc import Collection

import sqlalchemy as sa

from openpersonalize.storage.metadata.tables import resources
from openpersonalize.storage.metadata.transaction import Reading, Transaction


def exists(tx: Reading, arn: str) -> bool:
    """Whether any resource has that ARN."""
    return tx.connection.execute(sa.select(resources.c.sequence).where(resources.c.arn == arn)).first() is not None


def children(tx: Reading, parent: str, nouns: Collection[str], *, statuses: Collection[str] | None = None) -> list[str]:
    """The ARNs of those listed under `parent`, oldest first."""
    return _arns(tx, resources.c.parent == parent, nouns, statuses, ())


def members(
    tx: Reading,
    group: str,
    nouns: Collection[str],
    *,
    statuses: Collection[str] | None = None,
    without: Collection[str] = (),
) -> list[str]:
    """The ARNs of those in a dataset group, oldest first; those in a status of `without` do not count."""
    return _arns(tx, resources.c.group_arn == group, nouns, statuses, without)


def naming(
    tx: Reading, noun: str, account: str, region: str, arn: str, *, statuses: Collection[str] | None = None
) -> list[str]:
    """The ARNs of an account's resources of a noun whose record names `arn` anywhere."""
    of = resources.c
    chosen = [
        of.noun == noun,
        of.account == account,
        of.region == region,
        of.document.contains(f'"{arn}"', autoescape=True),
    ]
    chosen += [] if statuses is None else [of.status.in_(list(statuses))]
    return list(tx.connection.execute(sa.select(of.arn).where(*chosen).order_by(of.sequence)).scalars())


def remove_children(tx: Transaction, parent: str) -> None:
    """Take away everything listed under `parent`."""
    tx.connection.execute(sa.delete(resources).where(resources.c.parent == parent))


def remove_members(tx: Transaction, group: str) -> None:
    """Take away everything in a dataset group."""
    tx.connection.execute(sa.delete(resources).where(resources.c.group_arn == group))


def _arns(
    tx: Reading,
    relation: sa.ColumnElement[bool],
    nouns: Collection[str],
    statuses: Collection[str] | None,
    without: Collection[str],
) -> list[str]:
    chosen = [relation, resources.c.noun.in_(list(nouns))]
    chosen += [] if statuses is None else [resources.c.status.in_(list(statuses))]
    chosen += [resources.c.status.not_in(list(without))] if without else []
    return list(
        tx.connection.execute(sa.select(resources.c.arn).where(*chosen).order_by(resources.c.sequence)).scalars()
    )
