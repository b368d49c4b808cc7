"""Token buckets that all processes of a machine share: one small file, mapped by each, locked for a microsecond.

A bucket of `rate` tokens fills at `rate` a second. It is kept as one number, the time at which it will be full again
(the generic cell rate algorithm, ITU-T I.371): a call is allowed while that lies at most a second ahead, and moves it
on by 1 / rate. An untouched bucket is a full one, so nothing has to be cleaned up, and a lost file only forgives.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SLOT = struct.Struct("<8sq")
SLOTS = 16_384
PROBES = 16
"""Places where a bucket may stand; when all are taken by busier ones, the one that is full soonest makes room."""
SECOND = 1_000_000_000
"""In nanoseconds, as times are kept: doubles would lose a token now and then. A bucket holds a second's worth."""


@dataclass(frozen=True)
class Bucket:
    """One thing that may happen so often: a name that nobody else uses, and tokens per second."""

    name: str
    rate: float

    @property
    def digest(self) -> bytes:
        """Eight bytes that stand for the name; never those of an empty slot."""
        return hashlib.blake2b(self.name.encode(), digest_size=8).digest()


@dataclass(frozen=True)
class _Place:
    slot: int
    full_at: int


class Rates:
    """The buckets of one machine."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < SLOTS * SLOT.size:
            os.ftruncate(self._file, SLOTS * SLOT.size)
        self._slots = mmap.mmap(self._file, SLOTS * SLOT.size)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the file back; once more does no harm."""
        if not self._slots.closed:
            self._slots.close()
            os.close(self._file)

    def take(self, buckets: Sequence[Bucket], now: float) -> Bucket | None:
        """Take a token out of each bucket, or none at all: then the first that is empty. `now` in epoch seconds."""
        moment = int(now * SECOND)
        with self._alone():
            places = [self._find(bucket.digest, moment) for bucket in buckets]
            after = [place.full_at + int(SECOND / bucket.rate) for place, bucket in zip(places, buckets, strict=True)]
            for bucket, full_at in zip(buckets, after, strict=True):
                if full_at > moment + SECOND:
                    return bucket
            for bucket, place, full_at in zip(buckets, places, after, strict=True):
                SLOT.pack_into(self._slots, place.slot * SLOT.size, bucket.digest, full_at)
        return None

    def _find(self, digest: bytes, now: int) -> _Place:
        """Where the bucket stands, or may stand, and when it is full; one from before a clock was set back is full."""
        first = int.from_bytes(digest, "little")
        places = []
        for probe in range(PROBES):
            slot = (first + probe) % SLOTS
            owner, full_at = SLOT.unpack_from(self._slots, slot * SLOT.size)
            if owner == digest:
                return _Place(slot, full_at if now < full_at <= now + SECOND else now)
            places.append(_Place(slot, full_at))
        return _Place(min(places, key=lambda place: place.full_at).slot, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The threads of this process wait at one lock, processes at the other; one that dies lets go of it."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
