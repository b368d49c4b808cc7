"""Signatures are made by botocore and checked by ours: two programs that must agree."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    ServiceError,
    UnrecognizedClientException,
)
from openpersonalize.wire import signature
from openpersonalize.wire.identity import Identity
from openpersonalize.wire.messages import Request
from tests.wire.doors import ALICE, SESSION

BODY = b'{"userId":"u"}'
TARGET = "AmazonPersonalize.ListSchemas"


class Presign(auth.SigV4QueryAuth):  # type: ignore[misc]
    """botocore's query form, with the body left in the body."""

    def _modify_request_before_signing(self, request: Any) -> None:
        data, request.data = request.data, b""
        super()._modify_request_before_signing(request)
        request.data = data


def signed(
    who: Identity = ALICE,
    *,
    url: str = "http://localhost:8080/recommendations",
    body: bytes = BODY,
    headers: Mapping[str, str] | None = None,
    service: str = "personalize",
    region: str = "eu-west-1",
    life: int | None = None,
) -> Request:
    """A request signed now by botocore; presigned when it has a `life`."""
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json", **(headers or {})})
    credentials = Credentials(who.access_key_id, who.secret, who.token)
    signer = auth.SigV4Auth if life is None else Presign
    signer(credentials, service, region, *(() if life is None else (life,))).add_auth(request)
    parts = urlsplit(request.url)
    kept = {name.lower(): request.headers.get_all(name) for name in request.headers.keys()}  # noqa: SIM118
    return Request("POST", parts.path, parts.query, {"host": [parts.netloc]} | kept, body)


def check(request: Request, *, after: timedelta = timedelta(0), known: Identity | None = None) -> Identity:
    identities = {who.access_key_id: who for who in (ALICE, SESSION, known or ALICE)}
    claim = signature.read(request)
    return signature.verify(claim, request, identities.get, datetime.now(UTC) + after, ("personalize",))


def with_header(request: Request, name: str, *values: str) -> Request:
    return replace(request, headers={**request.headers, name: list(values)})


def without_header(request: Request, name: str) -> Request:
    return replace(request, headers={key: value for key, value in request.headers.items() if key != name})


def test_a_signature_of_botocore_is_right() -> None:
    assert check(signed()) == ALICE
    assert check(signed(headers={"X-Amz-Target": TARGET})) == ALICE
    assert signature.read(signed()).region == "eu-west-1"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://localhost",
        "https://example.com:8443/a%20b/%C3%A9/c+d",
        "http://localhost/a//b/./c/../d/",
        "http://localhost/(x);y=z,w@v:u!*'$&~",
        "http://localhost/p?b=2&a=1&a=0&c",
        "http://localhost/p?space=%20&plus=%2B&slash=%2F&e=%C3%A9&tilde=~&eq=a%3Db",
    ],
)
def test_odd_characters_are_canonical_on_both_sides(url: str) -> None:
    assert check(signed(url=url)) == ALICE


segments = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


@given(st.lists(segments, max_size=3), st.lists(st.tuples(segments, segments), max_size=3))
def test_any_path_and_query_is_canonical_on_both_sides(path: list[str], query: list[tuple[str, str]]) -> None:
    quoted = "/".join(quote(segment, safe="") for segment in path)
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    assert check(signed(url=f"http://localhost/{quoted}?{pairs}")) == ALICE


def test_white_space_in_headers_is_folded_and_several_values_are_joined() -> None:
    request = signed(headers={"X-Custom": "  a   b  "})
    assert check(request) == ALICE
    assert check(with_header(request, "x-custom", "a b")) == ALICE
    assert check(with_header(signed(headers={"X-Custom": "a,b"}), "x-custom", " a", "b ")) == ALICE


def test_headers_that_proxies_add_do_no_harm() -> None:
    assert check(with_header(signed(), "x-amz-cf-id", "whatever")) == ALICE


@pytest.mark.parametrize(
    "broken",
    [
        lambda: replace(signed(), body=BODY.replace(b"u", b"v")),
        lambda: replace(signed(), method="PUT"),
        lambda: replace(signed(), path="/events"),
        lambda: replace(signed(), query="a=1"),
        lambda: with_header(signed(), "host", "example.com"),
        lambda: with_header(signed(), "content-type", "text/plain"),
        lambda: signed(replace(ALICE, secret="guessed")),
        lambda: without_header(signed(), "content-type"),
    ],
)
def test_whatever_was_changed_after_signing_shows(broken: Callable[[], Request]) -> None:
    with pytest.raises(InvalidSignatureException, match="does not match"):
        check(broken())


def test_the_host_and_the_target_must_be_signed() -> None:
    with pytest.raises(InvalidSignatureException, match="'x-amz-target' must be among"):
        check(with_header(signed(), "x-amz-target", TARGET))
    value = signed().header("authorization") or ""
    with pytest.raises(InvalidSignatureException, match="'host' must be among"):
        check(with_header(signed(), "authorization", value.replace("host;", "")))


def test_the_service_of_the_scope_must_be_ours() -> None:
    with pytest.raises(InvalidSignatureException, match="correct service: 'personalize'"):
        check(signed(service="s3"))


def test_a_clock_may_be_off_by_fifteen_minutes_either_way() -> None:
    for minutes in (-14.9, 14.9):
        assert check(signed(), after=timedelta(minutes=minutes)) == ALICE
    with pytest.raises(InvalidSignatureException, match="Signature expired"):
        check(signed(), after=timedelta(minutes=15.1))
    with pytest.raises(InvalidSignatureException, match="not yet current"):
        check(signed(), after=timedelta(minutes=-15.1))


def test_a_presigned_request_lives_as_long_as_it_says() -> None:
    assert check(signed(life=60)) == ALICE
    assert check(signed(life=3600), after=timedelta(minutes=59)) == ALICE
    assert check(signed(SESSION, life=60)) == SESSION
    with pytest.raises(InvalidSignatureException, match="Signature expired"):
        check(signed(life=60), after=timedelta(seconds=62))
    with pytest.raises(InvalidSignatureException, match="not yet current"):
        check(signed(life=60), after=timedelta(minutes=-16))
    with pytest.raises(InvalidSignatureException, match="does not match"):
        check(replace(signed(life=60), body=b"{}"))


@pytest.mark.parametrize("life", [0, 604801, -1])
def test_a_presigned_request_lives_a_week_at_most(life: int) -> None:
    with pytest.raises(IncompleteSignatureException, match="X-Amz-Expires"):
        check(signed(life=life))


def test_a_session_needs_its_token_and_others_have_none() -> None:
    request = signed(SESSION)
    assert check(request) == SESSION
    for wrong in (
        without_header(request, "x-amz-security-token"),
        with_header(request, "x-amz-security-token", "other"),
        with_header(request, "x-amz-security-token", "é"),
        with_header(signed(), "x-amz-security-token", "unasked"),
    ):
        with pytest.raises(UnrecognizedClientException):
            check(wrong)


def test_a_session_ends() -> None:
    ended = replace(SESSION, expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ExpiredTokenException):
        check(signed(ended), known=ended)


def test_an_unknown_key_is_told_apart_from_a_wrong_secret() -> None:
    with pytest.raises(UnrecognizedClientException):
        check(signed(replace(ALICE, access_key_id="AKIANOBODY")))


def test_a_declared_hash_must_be_that_of_the_body() -> None:
    right = hashlib.sha256(BODY).hexdigest()
    assert check(with_header(signed(), "x-amz-content-sha256", right)) == ALICE
    with pytest.raises(InvalidSignatureException, match="not the SHA-256"):
        check(with_header(signed(), "x-amz-content-sha256", "0" * 64))
    with pytest.raises(InvalidSignatureException, match="UNSIGNED-PAYLOAD is not accepted"):
        check(with_header(signed(), "x-amz-content-sha256", "UNSIGNED-PAYLOAD"))


def test_a_request_without_signature_is_told_so() -> None:
    with pytest.raises(MissingAuthenticationTokenException):
        signature.read(Request("POST", "/", "a=1", {"host": ["x"]}))


SCOPE = "Credential=K/20260314/us-east-1/personalize/aws4_request"


@pytest.mark.parametrize(
    ("authorization", "told"),
    [
        ("Bearer abc", "AWS4-HMAC-SHA256"),
        ("AWS4-ECDSA-P256-SHA256 x=y", "AWS4-HMAC-SHA256"),
        ("AWS4-HMAC-SHA256", "lacks Credential, SignedHeaders, Signature"),
        (f"AWS4-HMAC-SHA256 {SCOPE}, Signature=ab", "lacks SignedHeaders"),
        ("AWS4-HMAC-SHA256 Credential=K/us-east-1, SignedHeaders=host, Signature=ab", "Credential must be"),
        (
            f"AWS4-HMAC-SHA256 {SCOPE.replace('us-east-1', '..')}, SignedHeaders=host, Signature=ab",
            "Credential must be",
        ),
        (f"AWS4-HMAC-SHA256 {SCOPE.replace('0314', '0315')}, SignedHeaders=host, Signature=ab", "differ"),
    ],
)
def test_a_malformed_signature_says_what_is_missing(authorization: str, told: str) -> None:
    headers = {"host": ["x"], "x-amz-date": ["20260314T150926Z"], "authorization": [authorization]}
    with pytest.raises(IncompleteSignatureException, match=told):
        signature.read(Request("POST", "/", "", headers))


@pytest.mark.parametrize("time", ["20260314", "20260314T256199Z", "2026-03-14T15:09:26Z", "20260314T150926+0000"])
def test_a_malformed_time_is_refused(time: str) -> None:
    scope = SCOPE.replace("20260314", time[:8])
    authorization = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=ab"
    with pytest.raises(IncompleteSignatureException, match="X-Amz-Date"):
        signature.read(Request("POST", "/", "", {"x-amz-date": [time], "authorization": [authorization]}))


@given(st.text(), st.text())
def test_no_header_breaks_the_check(authorization: str, date: str) -> None:
    for value in (authorization, f"AWS4-HMAC-SHA256 {authorization}", f"AWS4-HMAC-SHA256 {SCOPE}, {authorization}"):
        headers = {"host": ["x"], "x-amz-date": [date], "authorization": [value]}
        with pytest.raises(ServiceError):
            check(Request("POST", "/", "", headers))


@given(st.text())
def test_no_query_breaks_the_check(query: str) -> None:
    with pytest.raises(ServiceError):
        check(Request("POST", "/", f"X-Amz-Signature=%zz&{query}", {"host": ["x"]}))
