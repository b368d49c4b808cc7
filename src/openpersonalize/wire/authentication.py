"""From a request to its caller, in one of three modes.

    strict    the signature must be right
    lenient   the key and region are read and believed, for use behind a gateway that checks
    off       nothing is asked for; everybody is the default account

In the last two a request without a readable signature is a call of the default account in the default region.
"""

from collections.abc import Callable
from dataclasses import dataclass

from openpersonalize.clock import Clock
from openpersonalize.errors import IncompleteSignatureException, MissingAuthenticationTokenException
from openpersonalize.settings import Settings
from openpersonalize.wire import signature
from openpersonalize.wire.identity import Caller, Identity
from openpersonalize.wire.messages import Request


@dataclass(frozen=True)
class Authentication:
    """Decides who calls. `lookup` finds an identity by access key."""

    settings: Settings
    lookup: Callable[[str], Identity | None]
    clock: Clock

    def caller(self, request: Request, request_id: str, service: str) -> Caller:
        """The caller of a request to the service of that signing name.

        In strict mode raises what `signature.read` and `signature.verify` raise.
        """
        if self.settings.authentication == "strict":
            claim = signature.read(request)
            identity = signature.verify(claim, request, self.lookup, self.clock.now(), (service,))
            return _caller(identity, claim.region, request_id)
        return self._believed(request, request_id)

    def _believed(self, request: Request, request_id: str) -> Caller:
        key, region = "", self.settings.region
        try:
            claim = signature.read(request)
            key, region = claim.access_key_id, claim.region
        except (MissingAuthenticationTokenException, IncompleteSignatureException):
            pass  # these modes promise that an unsigned call is the default account's
        known = self.lookup(key) if key and self.settings.authentication == "lenient" else None
        return _caller(known or self._default(key), region, request_id)

    def _default(self, key: str) -> Identity:
        account = self.settings.account
        return Identity(key, secret="", account=account, principal_arn=f"arn:aws:iam::{account}:root")


def _caller(identity: Identity, region: str, request_id: str) -> Caller:
    return Caller(identity.account, region, identity.principal_arn, identity.access_key_id, request_id)
