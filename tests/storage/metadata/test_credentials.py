"""Access keys."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from openpersonalize.clock import StillClock
from openpersonalize.storage.metadata import Metadata

ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def test_a_new_key_looks_like_amazons(metadata: Metadata) -> None:
    made = metadata.credentials.create(ACCOUNT, ROOT)
    assert re.fullmatch("AKIA[A-Z2-7]{16}", made.access_key_id)
    assert re.fullmatch("[A-Za-z0-9+/]{40}", made.secret)
    assert (made.account, made.principal_arn, made.token, made.expires) == (ACCOUNT, ROOT, None, None)


def test_a_key_is_found_until_it_is_revoked(metadata: Metadata) -> None:
    made = metadata.credentials.create(ACCOUNT, ROOT)
    assert metadata.credentials.find(made.access_key_id) == made
    assert metadata.credentials.revoke(made.access_key_id)
    assert not metadata.credentials.revoke(made.access_key_id)
    assert metadata.credentials.find(made.access_key_id) is None


def test_a_temporary_key_has_a_token_and_an_end(metadata: Metadata) -> None:
    made = metadata.credentials.create(ACCOUNT, ROOT, expires=datetime(2026, 1, 1, tzinfo=UTC))
    assert made.access_key_id.startswith("ASIA")
    assert metadata.credentials.find(made.access_key_id) == made
    assert made.token


def test_keys_are_listed_oldest_first_and_by_account(metadata: Metadata) -> None:
    clock = StillClock(datetime(2026, 1, 1, tzinfo=UTC))
    keys = replace(metadata.credentials, clock=clock)
    made = []
    for account in (ACCOUNT, "111111111111", ACCOUNT):
        made.append(keys.create(account, ROOT))
        clock.move(timedelta(seconds=1))
    assert keys.list() == made
    assert keys.list(ACCOUNT) == [made[0], made[2]]


def test_a_key_made_elsewhere_can_be_kept(metadata: Metadata) -> None:
    made = metadata.credentials.create(ACCOUNT, ROOT)
    changed = replace(made, secret="x" * 40)
    metadata.credentials.add(changed)
    assert metadata.credentials.list() == [changed]


def test_secrets_do_not_show_in_print(metadata: Metadata) -> None:
    made = metadata.credentials.create(ACCOUNT, ROOT, expires=datetime(2026, 1, 1, tzinfo=UTC))
    assert made.secret not in repr(made)
    assert str(made.token) not in repr(made)
