"""Who calls: the credentials the server knows, and what an operation learns of its caller."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Identity:
    """An access key and whom it stands for.

    `account` has twelve digits. `token` and `expires` belong to temporary credentials: a request must then carry the
    token, and is refused from `expires` (aware UTC) on.
    """

    access_key_id: str
    secret: str = field(repr=False)
    account: str
    principal_arn: str
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


@dataclass(frozen=True)
class Caller:
    """Whose call it is, and for which partition: resources are kept by account and region.

    `access_key_id` is empty where the request named none and the server does not ask for one.
    """

    account: str
    region: str
    principal_arn: str
    access_key_id: str
    request_id: str
