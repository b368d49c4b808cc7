"""What a table of rows is called."""

import re
from dataclasses import dataclass

TYPES = frozenset({"INTERACTIONS", "ITEMS", "USERS", "ACTIONS", "ACTION_INTERACTIONS"})
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, order=True)
class Dataset:
    """One dataset of one dataset group; `type` is upper case, as in its ARN."""

    account: str
    region: str
    group: str
    type: str

    def __post_init__(self) -> None:
        if self.type not in TYPES or not all(_PART.fullmatch(part) for part in (self.account, self.region, self.group)):
            raise ValueError(f"{self} cannot name a table.")

    @property
    def key(self) -> str:
        """The folder of its table, below that of all tables.

        >>> Dataset("000000000000", "us-east-1", "shop", "ITEMS").key
        '000000000000/us-east-1/shop/items'
        """
        return f"{self.account}/{self.region}/{self.group}/{self.type.lower()}"
