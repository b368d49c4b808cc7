"""The three places where objects can live: a folder of plain files, memory, an S3 service."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from openpersonalize.errors import InvalidInputException
from openpersonalize.storage.objects.location import Location

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig, S3Config

_RETRY: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
"""A caller waits for the answer to CreateDatasetImportJob, so an unreachable service is told soon."""

_MOST_PART = 250
"""Bytes of a file's name: 255 on most file systems, of which a few are needed while it is written."""


class Place(Protocol):
    """What differs between the places; all else goes through obstore's one interface."""

    @property
    def name(self) -> str:
        """The place in words for messages."""
        ...

    def bucket(self, bucket: str) -> "ObjectStore":
        """The bucket's store; keys are relative to it."""
        ...

    def bucket_exists(self, bucket: str) -> bool:
        """Whether the bucket is there and may be read."""
        ...

    def path(self, location: Location) -> Path | None:
        """The plain file of an object, None where there are no files.

        Raises InvalidInputException when a symbolic link leads out of the place, or no file can be of that name there.
        """
        ...


class Folder:
    """`<root>/<bucket>/<key>`: plain files that people may put there and take away."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()
        self.name = f"the folder {self._root}"

    def bucket(self, bucket: str) -> "ObjectStore":
        """Made with its folder: writing to a new bucket is enough to have it."""
        from obstore.store import LocalStore

        self.path(Location(bucket, ""))
        return LocalStore(self._root / bucket, mkdir=True)

    def bucket_exists(self, bucket: str) -> bool:
        """Whether there is such a folder."""
        path = self.path(Location(bucket, ""))
        return path.is_dir()

    def path(self, location: Location) -> Path:
        """The file, whether it exists or not."""
        path = self._root / location.bucket / location.key
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self._root / location.bucket):
            raise InvalidInputException(f"Invalid Data location. {location}: a link leads out of the bucket.")
        self._require_possible(location, path)
        return path

    def _require_possible(self, location: Location, path: Path) -> None:
        """S3 keeps `a` beside `a/b`, and parts of any length; a file system does neither."""
        if any(len(part.encode()) > _MOST_PART for part in location.key.split("/")):
            raise InvalidInputException(
                f"Invalid Data location. {location}: a part of the path has more than {_MOST_PART} bytes; "
                f"{self.name} cannot keep it."
            )
        above = path.parent
        while above != self._root and not above.is_dir():
            if above.exists():
                file = above.relative_to(self._root).as_posix()
                raise InvalidInputException(
                    f"Invalid Data location. {location}: s3://{file} is a file; in {self.name} nothing can be under it."
                )
            above = above.parent


class Memory:
    """For tests: gone with the process."""

    name = "memory"

    def __init__(self) -> None:
        self._buckets: dict[str, ObjectStore] = {}

    def bucket(self, bucket: str) -> "ObjectStore":
        """Made when first asked for."""
        from obstore.store import MemoryStore

        return self._buckets.setdefault(bucket, MemoryStore())

    def bucket_exists(self, bucket: str) -> bool:
        """Whether anything is in it."""
        return bucket in self._buckets and any(self._buckets[bucket].list(chunk_size=1))

    def path(self, location: Location) -> None:
        """There are no files."""


class S3:
    """A service that speaks S3, such as MinIO, Ceph or Amazon's own; its buckets are made by its owner.

    Without keys those of the usual AWS environment are used.
    """

    def __init__(self, url: str, access_key: str, secret_key: str, region: str) -> None:
        self._config: S3Config = {"endpoint": url, "region": region, "virtual_hosted_style_request": False}
        if access_key:
            self._config |= {"access_key_id": access_key, "secret_access_key": secret_key}
        self._buckets: dict[str, ObjectStore] = {}
        self.name = url

    def bucket(self, bucket: str) -> "ObjectStore":
        """The bucket's store; connections are kept."""
        from obstore.store import S3Store

        if bucket not in self._buckets:
            self._buckets[bucket] = S3Store(
                bucket, config=self._config, client_options={"allow_http": True}, retry_config=_RETRY
            )
        return self._buckets[bucket]

    def bucket_exists(self, bucket: str) -> bool:
        """Whether its objects can be listed."""
        from obstore.exceptions import BaseError

        try:
            next(iter(self.bucket(bucket).list(chunk_size=1)), None)
        except FileNotFoundError:
            return False
        except BaseError as fault:
            # obstore has no class of its own for these two answers to a listing
            if any(f"<Code>{code}</Code>" in str(fault) for code in ("NoSuchBucket", "AccessDenied")):
                return False
            raise
        return True

    def path(self, location: Location) -> None:
        """There are no files."""
