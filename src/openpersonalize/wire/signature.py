"""AWS Signature Version 4, the checking side: header form and query (presigned) form.

`read` takes the claim out of a request, `verify` decides whether the secret of that access key made it.
The algorithm: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from openpersonalize.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from openpersonalize.wire.identity import Identity
from openpersonalize.wire.messages import Request

ALGORITHM = "AWS4-HMAC-SHA256"
TOLERANCE = timedelta(minutes=15)
_LONGEST_LIFE_SECONDS = 7 * 24 * 60 * 60

_TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_REGION = re.compile(r"[a-z0-9-]{1,32}")  # it becomes part of ARNs and of storage paths
_PARTS_OF_A_CREDENTIAL = 5


@dataclass(frozen=True)
class Claim:
    """What a request says about its signer; nothing of it is proven yet.

    `time` is the signing time as it was written, `moment` the same as aware UTC. `life` is set for the presigned form:
    how long after `moment` it may be used.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    time: str
    moment: datetime
    token: str | None
    life: timedelta | None


def read(request: Request) -> Claim:
    """The claim of a request.

    Raises MissingAuthenticationTokenException when there is none, IncompleteSignatureException when it is malformed.
    """
    authorization = request.header("authorization")
    if authorization is not None:
        return _from_header(authorization, request)
    query = {unquote_to_bytes(name).decode("utf-8", "replace"): value for name, value in _pairs(request.query)}
    if "X-Amz-Signature" in query or "X-Amz-Algorithm" in query:
        return _from_query({name: unquote_to_bytes(value).decode("utf-8", "replace") for name, value in query.items()})
    raise MissingAuthenticationTokenException("Missing Authentication Token")


def _from_header(authorization: str, request: Request) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    given = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return _claim(
        algorithm,
        {name: given.get(name) for name in ("Credential", "SignedHeaders", "Signature")}
        | {"X-Amz-Date": request.header("x-amz-date")},
        token=request.header("x-amz-security-token"),
        life=None,
    )


def _from_query(query: Mapping[str, str]) -> Claim:
    life = query.get("X-Amz-Expires", "")
    if not (life.isascii() and life.isdigit() and len(life) < 7 and 1 <= int(life) <= _LONGEST_LIFE_SECONDS):  # noqa: PLR2004
        raise IncompleteSignatureException(f"X-Amz-Expires must be between 1 and {_LONGEST_LIFE_SECONDS} seconds.")
    return _claim(
        query.get("X-Amz-Algorithm", ""),
        {name: query.get(f"X-Amz-{name}") for name in ("Credential", "SignedHeaders", "Signature")}
        | {"X-Amz-Date": query.get("X-Amz-Date")},
        token=query.get("X-Amz-Security-Token"),
        life=timedelta(seconds=int(life)),
    )


def _claim(algorithm: str, parts: Mapping[str, str | None], token: str | None, life: timedelta | None) -> Claim:
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"The only signing algorithm here is {ALGORITHM}, not '{algorithm[:50]}'.")
    missing = [name for name, value in parts.items() if not value]
    if missing:
        raise IncompleteSignatureException(f"The signature lacks {', '.join(missing)}.")
    given = {name: value or "" for name, value in parts.items()}
    scope = given["Credential"].rsplit("/", _PARTS_OF_A_CREDENTIAL - 1)
    if len(scope) != _PARTS_OF_A_CREDENTIAL or scope[4] != "aws4_request" or not _REGION.fullmatch(scope[2]):
        raise IncompleteSignatureException("Credential must be <access key>/<date>/<region>/<service>/aws4_request.")
    if scope[1] != given["X-Amz-Date"][:8]:
        raise IncompleteSignatureException("The date in Credential and that of X-Amz-Date differ.")
    return Claim(
        access_key_id=scope[0],
        date=scope[1],
        region=scope[2],
        service=scope[3],
        signed_headers=tuple(given["SignedHeaders"].split(";")),
        signature=given["Signature"],
        time=given["X-Amz-Date"],
        moment=_moment(given["X-Amz-Date"]),
        token=token,
        life=life,
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text) if _TIME.fullmatch(text) else _refuse_time()
    except ValueError:
        return _refuse_time()


def _refuse_time() -> datetime:
    raise IncompleteSignatureException("X-Amz-Date must be a time in the form YYYYMMDD'T'HHMMSS'Z'.")


def verify(
    claim: Claim,
    request: Request,
    lookup: Callable[[str], Identity | None],
    now: datetime,
    services: Collection[str],
) -> Identity:
    """Whose signature it is.

    Raises InvalidSignatureException for a wrong scope, time, body or signature, UnrecognizedClientException for an
    unknown key or a wrong session token, ExpiredTokenException for credentials past their time.
    """
    if claim.service not in services:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{' or '.join(services)}'.")
    _check_signed_headers(claim, request)
    _check_time(claim, now)
    identity = _known(claim, lookup, now)
    expected = _signature(claim, request, identity.secret)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise InvalidSignatureException(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )
    return identity


def _check_signed_headers(claim: Claim, request: Request) -> None:
    for name in ("host", "x-amz-target"):
        if name not in claim.signed_headers and (name == "host" or name in request.headers):
            raise InvalidSignatureException(f"The header '{name}' must be among the SignedHeaders.")


def _check_time(claim: Claim, now: datetime) -> None:
    late = claim.moment + (TOLERANCE if claim.life is None else claim.life)
    if now > late:
        raise InvalidSignatureException(f"Signature expired: {claim.time} was good until {late:%Y%m%dT%H%M%SZ}.")
    if now < claim.moment - TOLERANCE:
        raise InvalidSignatureException(
            f"Signature not yet current: {claim.time} is still later than {now + TOLERANCE:%Y%m%dT%H%M%SZ} "
            f"({now:%Y%m%dT%H%M%SZ} + 15 min.)"
        )


def _known(claim: Claim, lookup: Callable[[str], Identity | None], now: datetime) -> Identity:
    identity = lookup(claim.access_key_id)
    if identity is None or not hmac.compare_digest((identity.token or "").encode(), (claim.token or "").encode()):
        raise UnrecognizedClientException("The security token included in the request is invalid.")
    if identity.expires is not None and identity.expires <= now:
        raise ExpiredTokenException("The security token included in the request is expired")
    return identity


def _signature(claim: Claim, request: Request, secret: str) -> str:
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            *(f"{name}:{_canonical_header(request, name)}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            _body_hash(request),
        )
    )
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    text = f"{ALGORITHM}\n{claim.time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.digest(_signing_key(secret, claim.date, claim.region, claim.service), text.encode(), "sha256").hex()


def _body_hash(request: Request) -> str:
    """Always the hash of what came: UNSIGNED-PAYLOAD would leave open what is asked for, as it stands in the body."""
    actual = hashlib.sha256(request.body).hexdigest()
    declared = request.header("x-amz-content-sha256")
    if declared == "UNSIGNED-PAYLOAD":
        raise InvalidSignatureException("UNSIGNED-PAYLOAD is not accepted; sign the SHA-256 of the body.")
    if declared is not None and declared != actual:
        raise InvalidSignatureException("x-amz-content-sha256 is not the SHA-256 of the body.")
    return actual


def _canonical_header(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.headers.get(name, ()))


def _canonical_path(path: str) -> str:
    """The path of the wire, without dot segments and empty ones, its percent signs encoded once more."""
    if path == "/":
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    last = "/" if path.endswith("/") and kept else ""
    return quote(f"/{'/'.join(kept)}{last}", safe="/~")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = ((_encoded(name), _encoded(value)) for name, value in _pairs(query))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def _pairs(query: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in parts]


def _encoded(text: str) -> str:
    return quote_from_bytes(unquote_to_bytes(text), safe="-_.~")


@lru_cache(maxsize=1024)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
