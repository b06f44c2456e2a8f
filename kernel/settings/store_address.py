"""Where an object store is: a folder or `s3://bucket/prefix`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kernel.settings.table import Kind

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A folder, or a bucket with a prefix ("": the whole bucket)."""

    folder: Path | None = None
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        if self.folder is not None:
            return str(self.folder)
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_store(text: str) -> StoreAddress:
    """The address in a setting; ValueError if it is neither a folder nor a valid URL of a bucket."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        if not text or "\0" in text:
            raise ValueError("must be a folder or s3://BUCKET/PREFIX")
        return StoreAddress(Path(text))
    if scheme != "s3":
        raise ValueError(f"{text!r} is neither a folder nor s3://BUCKET/PREFIX")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    if "@" in bucket:
        raise ValueError("credentials in the URL are not accepted: use the environment or store_credentials")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise ValueError(f"{bucket!r} is not the name of an S3 bucket")
    if prefix and not all(map(_SEGMENT.fullmatch, prefix.split("/"))):
        raise ValueError(f"the prefix {prefix!r} has a segment that is not made of A-Za-z0-9._-")
    return StoreAddress(None, bucket, prefix)


STORE = Kind("folder|s3://bucket", parse_store)
