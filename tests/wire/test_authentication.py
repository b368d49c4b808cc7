from dataclasses import replace
from pathlib import Path

import pytest

from openpersonalize.clock import StillClock, SystemClock
from openpersonalize.errors import InvalidSignatureException, UnrecognizedClientException
from openpersonalize.settings import Settings
from openpersonalize.wire.authentication import Authentication
from openpersonalize.wire.identity import Caller
from openpersonalize.wire.messages import Request
from tests.wire.doors import ALICE, NOW
from tests.wire.test_signature import signed

UNSIGNED = Request("POST", "/recommendations", "", {"host": ["localhost"]}, b"{}")
MALFORMED = replace(UNSIGNED, headers={"authorization": ["Bearer abc"]})
NOBODY = replace(ALICE, access_key_id="AKIANOBODY")
ROOT = "arn:aws:iam::000000000000:root"


def caller(mode: str, request: Request) -> Caller:
    settings = Settings(data_dir=Path("/nonexistent"), authentication=mode, region="ap-south-1")
    return Authentication(settings, {"AKIAALICE": ALICE}.get, SystemClock()).caller(request, "r-1", "personalize")


def test_strict_gives_the_signer_and_the_region_of_the_scope() -> None:
    assert caller("strict", signed()) == Caller(ALICE.account, "eu-west-1", ALICE.principal_arn, "AKIAALICE", "r-1")


def test_strict_asks_the_clock_it_was_given() -> None:
    settings = Settings(data_dir=Path("/nonexistent"))
    with pytest.raises(InvalidSignatureException, match="Signature"):
        Authentication(settings, {"AKIAALICE": ALICE}.get, StillClock(NOW.replace(year=2001))).caller(
            signed(), "r-1", "personalize"
        )


def test_strict_refuses_keys_it_does_not_know() -> None:
    with pytest.raises(UnrecognizedClientException):
        caller("strict", signed(NOBODY))


def test_lenient_believes_a_known_key_whatever_the_signature() -> None:
    forged = signed(replace(ALICE, secret="guessed"))
    assert caller("lenient", forged) == Caller(ALICE.account, "eu-west-1", ALICE.principal_arn, "AKIAALICE", "r-1")


def test_lenient_makes_everybody_else_the_default_account() -> None:
    assert caller("lenient", signed(NOBODY)) == Caller("000000000000", "eu-west-1", ROOT, "AKIANOBODY", "r-1")
    for request in (UNSIGNED, MALFORMED):
        assert caller("lenient", request) == Caller("000000000000", "ap-south-1", ROOT, "", "r-1")


def test_off_knows_only_the_default_account() -> None:
    assert caller("off", signed()) == Caller("000000000000", "eu-west-1", ROOT, "AKIAALICE", "r-1")
    assert caller("off", UNSIGNED) == Caller("000000000000", "ap-south-1", ROOT, "", "r-1")
