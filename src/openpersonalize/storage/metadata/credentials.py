"""Access keys: who may call, and with which secret they sign."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from openpersonalize.clock import Clock
from openpersonalize.storage import sql
from openpersonalize.storage.metadata.tables import credentials


@dataclass(frozen=True, kw_only=True)
class Credential:
    """An access key of an account; `token` and `expires` are set for temporary ones."""

    access_key_id: str
    secret: str = field(repr=False)
    account: str
    principal_arn: str
    created: datetime
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


@dataclass(frozen=True)
class Credentials:
    """The access keys in the database; `draw` gives that many random bytes, fit for secrets."""

    engine: Engine
    clock: Clock
    draw: Callable[[int], bytes] = secrets.token_bytes

    def create(self, account: str, principal_arn: str, *, expires: datetime | None = None) -> Credential:
        """A new key: AKIA…, 20 characters, secret of 40, as Amazon's are; with `expires` a temporary one (ASIA…)."""
        made = Credential(
            access_key_id=("AKIA" if expires is None else "ASIA") + base64.b32encode(self.draw(10)).decode(),
            secret=base64.b64encode(self.draw(30)).decode(),
            account=account,
            principal_arn=principal_arn,
            created=self.clock.now(),
            token=None if expires is None else base64.b64encode(self.draw(96)).decode(),
            expires=expires,
        )
        self.add(made)
        return made

    def add(self, credential: Credential) -> None:
        """Keep a key made elsewhere, in the place of one with the same access key ID."""
        row = {
            "access_key_id": credential.access_key_id,
            "secret": credential.secret,
            "account": credential.account,
            "principal_arn": credential.principal_arn,
            "token": credential.token,
            "expires": None if credential.expires is None else credential.expires.timestamp(),
            "created": credential.created.timestamp(),
        }
        with sql.writing(self.engine) as connection:
            added = sql.insert(connection, credentials).values(row)
            connection.execute(added.on_conflict_do_update(index_elements=["access_key_id"], set_=row))

    def find(self, access_key_id: str) -> Credential | None:
        """The key with that ID, expired or not."""
        with sql.reading(self.engine) as connection:
            query = sa.select(credentials).where(credentials.c.access_key_id == access_key_id)
            found = connection.execute(query).first()
        return None if found is None else _credential(found)

    def list(self, account: str | None = None) -> list[Credential]:
        """All keys, or those of one account, oldest first."""
        query = sa.select(credentials).order_by(credentials.c.created, credentials.c.access_key_id)
        if account is not None:
            query = query.where(credentials.c.account == account)
        with sql.reading(self.engine) as connection:
            return [_credential(row) for row in connection.execute(query)]

    def revoke(self, access_key_id: str) -> bool:
        """Forget a key; False: there was none."""
        with sql.writing(self.engine) as connection:
            gone = connection.execute(sa.delete(credentials).where(credentials.c.access_key_id == access_key_id))
            return gone.rowcount > 0


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(
        access_key_id=row.access_key_id,
        secret=row.secret,
        account=row.account,
        principal_arn=row.principal_arn,
        created=datetime.fromtimestamp(row.created, UTC),
        token=row.token,
        expires=None if row.expires is None else datetime.fromtimestamp(row.expires, UTC),
    )
