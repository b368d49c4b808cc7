"""What a resource must be so that it can be stored."""

from dataclasses import Field
from typing import Any, ClassVar, Protocol


class Record(Protocol):
    """A frozen, keyword-only dataclass with these attributes, as fields or properties.

    The fields are stored as one JSON document (see `documents`), so a record grows by a field with a default, without
    a migration. Account and region are those of the ARN.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    noun: ClassVar[str]  # "dataset-group"

    @property
    def arn(self) -> str:
        """Its own ARN: unique, and never changed."""
        ...

    @property
    def parent(self) -> str | None:
        """The ARN that its List operation filters by."""
        ...

    @property
    def group(self) -> str | None:
        """The ARN of its dataset group."""
        ...

    @property
    def status(self) -> str | None:
        """Its state in Amazon's words, such as "CREATE PENDING"."""
        ...
