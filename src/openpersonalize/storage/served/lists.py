"""A list as it was served, and the dataset group that it stands in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from openpersonalize.arns import Arn


class ServedList(NamedTuple):
    """One answer: who got what from whom.

    `time` is kept to the second, `source` is the ARN of a campaign or recommender, `user_id` None where none is named.
    `promoted` and `explored` count those of `item_ids` that a promotion or exploration put there.
    """

    dataset_group_arn: str
    time: datetime
    user_id: str | None
    source: str
    recommendation_id: str
    item_ids: Sequence[str]
    promoted: int = 0
    explored: int = 0


@dataclass(frozen=True)
class Group:
    """The dataset group whose lists are kept together."""

    account: str
    region: str
    name: str

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, dataset_group_arn: str) -> "Group":
        """The group with that ARN."""
        arn = Arn.expect(dataset_group_arn, "dataset-group")
        return cls(arn.account, arn.region, arn.tail)

    @property
    def key(self) -> str:
        """The folder of the group, below that of all tables.

        >>> Group("000000000000", "us-east-1", "shop").key
        '000000000000/us-east-1/shop'
        """
        return f"{self.account}/{self.region}/{self.name}"
