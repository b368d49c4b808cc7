"""Where an object lives: `s3://bucket/key`, checked before anything touches a disk or a network."""

import re
from dataclasses import dataclass

from openpersonalize.errors import InvalidInputException

_SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_MOST_KEY = 1024


@dataclass(frozen=True, order=True)
class Location:
    """An object, or a folder when the key is empty or ends with a slash."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key, without a trailing slash."""
        return self.key.rstrip("/").rsplit("/", 1)[-1]

    @property
    def is_folder(self) -> bool:
        """Whether it names a folder."""
        return self.key == "" or self.key.endswith("/")

    def within(self, relative: str) -> "Location":
        """The location of `relative` in this folder; checked like any other.

        >>> str(parse_location("s3://models/42").within("weights/user.npy"))
        's3://models/42/weights/user.npy'
        """
        stem = self.key if self.is_folder else f"{self.key}/"
        return parse_location(f"{_SCHEME}{self.bucket}/{stem}{relative}")


def parse_location(text: str) -> Location:
    """Read an S3 URL; raises InvalidInputException ("Invalid Data location. …") for anything that could lead elsewhere.

    >>> parse_location("s3://shop/exports/2026/")
    Location(bucket='shop', key='exports/2026/')
    """
    if not text.startswith(_SCHEME):
        raise _invalid(text, "it must begin with s3://")
    bucket, _, key = text.removeprefix(_SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise _invalid(text, "a bucket's name has letters, digits, dots, hyphens and underscores, at most 63")
    if _UNSAFE.search(key) or len(key.encode(errors="surrogatepass")) > _MOST_KEY or not _encodable(key):
        raise _invalid(text, f"a key is text of at most {_MOST_KEY} bytes without control characters and backslashes")
    parts = key.removesuffix("/").split("/") if key else []
    if any(part in ("", ".", "..") for part in parts):
        raise _invalid(text, "a path may not hold empty parts, '.' or '..'")
    return Location(bucket, key)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _invalid(text: str, rule: str) -> InvalidInputException:
    return InvalidInputException(f"Invalid Data location. {text}: {rule}.")
