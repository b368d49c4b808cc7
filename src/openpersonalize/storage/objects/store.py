"""Objects: files by `s3://` location, the same in a folder, in memory and on an S3 service.

A missing object is a FileNotFoundError; a missing bucket looks like a missing object, ask `bucket_exists`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openpersonalize.storage.objects.location import Location
from openpersonalize.storage.objects.places import S3, Folder, Memory, Place


@dataclass(frozen=True)
class Entry:
    """An object that is there; `size` in bytes."""

    location: Location
    size: int


class Objects:
    """Reads and writes of objects; every write is atomic, readers see the old object or the new one."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @classmethod
    def open(
        cls, root: Path, url: str = "", access_key: str = "", secret_key: str = "", region: str = "us-east-1"
    ) -> "Objects":
        """The folder `root` when `url` is empty, else an S3 service by its endpoint, or "memory://"."""
        if not url:
            return cls(Folder(root))
        return cls(Memory() if url == "memory://" else S3(url, access_key, secret_key, region))

    @property
    def place(self) -> str:
        """Where the objects are, in words for messages."""
        return self._place.name

    def bucket_exists(self, bucket: str) -> bool:
        """Whether the bucket is there and may be read."""
        return self._place.bucket_exists(bucket)

    def size(self, location: Location) -> int | None:
        """Bytes of an object; None when there is none."""
        self._place.path(location)
        if location.is_folder or not self._place.bucket_exists(location.bucket):
            return None
        try:
            return self._place.bucket(location.bucket).head(location.key)["size"]
        except FileNotFoundError:
            return None

    def exists(self, location: Location) -> bool:
        """Whether the object is there."""
        return self.size(location) is not None

    def list(self, location: Location, *, deep: bool = False) -> list[Entry]:
        """The objects a data location means, by name: itself, or those of a folder that bear data.

        Of a folder only the first level counts unless `deep`; empty objects and names beginning with "_" or "." do not.
        A folder is also found without its trailing slash.
        """
        if (size := self.size(location)) is not None:
            return [Entry(location, size)]
        if not self._place.bucket_exists(location.bucket):
            return []
        found = self._under(location, deep=deep)
        return sorted(
            (entry for entry in found if entry.size and not entry.location.name.startswith(("_", "."))),
            key=lambda entry: entry.location,
        )

    def _under(self, location: Location, *, deep: bool) -> Iterator[Entry]:
        bucket, prefix = self._place.bucket(location.bucket), location.key.rstrip("/") or None
        if deep:
            metas = [meta for chunk in bucket.list(prefix) for meta in chunk]
        else:
            metas = list(bucket.list_with_delimiter(prefix)["objects"])
        for meta in metas:
            found = Location(location.bucket, meta["path"])
            self._place.path(found)
            yield Entry(found, meta["size"])

    def read(self, location: Location) -> bytes:
        """The whole object; raises FileNotFoundError."""
        self._place.path(location)
        return bytes(self._place.bucket(location.bucket).get(location.key).bytes())

    def write(self, location: Location, data: bytes | Path | Iterable[bytes]) -> None:
        """Put an object, from memory, from a file, or piece by piece; nothing is seen before all of it is there."""
        path = self._place.path(location)
        self._place.bucket(location.bucket).put(location.key, data)
        if path is not None:
            _onto_disk(path)

    @contextmanager
    def open_local(self, location: Location) -> Iterator[Path]:
        """The object as a file to read: the file itself in a folder, else a copy for as long as the block runs."""
        path = self._place.path(location)
        if path is not None:
            if not path.is_file():
                raise FileNotFoundError(str(location))
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / location.name
            self._copy(location, copy)
            yield copy

    def _copy(self, location: Location, path: Path) -> None:
        with path.open("wb") as file:
            for piece in self._place.bucket(location.bucket).get(location.key).stream(min_chunk_size=4 * 1024 * 1024):
                file.write(piece)

    def put_folder(self, folder: Path, location: Location) -> None:
        """Copy all files of a folder, at any depth, under a location."""
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            self.write(location.within(file.relative_to(folder).as_posix()), file)

    def fetch_folder(self, location: Location, folder: Path) -> None:
        """Copy everything under a location into a folder; raises FileNotFoundError when nothing is there."""
        entries = list(self._under(location, deep=True)) if self._place.bucket_exists(location.bucket) else []
        if not entries:
            raise FileNotFoundError(str(location))
        stem = location.key.rstrip("/")
        for entry in entries:
            target = folder / entry.location.key.removeprefix(stem).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy(entry.location, target)

    def local_folder(self, location: Location, cache: Path) -> Path:
        """Everything under a location as a folder of this machine: itself, or a copy made once below `cache`.

        For things that never change once written. Raises FileNotFoundError.
        """
        path = self._place.path(location)
        if path is not None:
            if not path.is_dir():
                raise FileNotFoundError(str(location))
            return path
        copy = cache / location.bucket / location.key
        if not copy.is_dir():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=copy.parent) as unfinished:
                whole = Path(unfinished) / "whole"
                self.fetch_folder(location, whole)
                if not copy.is_dir():
                    whole.rename(copy)
        return copy

    def delete_prefix(self, location: Location) -> None:
        """Remove an object, or a folder with all it holds; nothing there is no error."""
        path = self._place.path(location)
        if path is not None:
            _remove(path)
        elif self._place.bucket_exists(location.bucket):
            bucket = self._place.bucket(location.bucket)
            paths = [entry.location.key for entry in self._under(location, deep=True)]
            bucket.delete([*paths, *([location.key] if self.exists(location) else [])])


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _onto_disk(path: Path) -> None:
    """A record may point at the object from now on, so it must outlive a power cut."""
    for part in (path, path.parent):
        number = os.open(part, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
