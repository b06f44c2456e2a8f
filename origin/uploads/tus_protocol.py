"""tus 1.0.0: what a request asks for, or the refusal it gets. Pure; https://tus.io/protocols/resumable-upload, 1.0.0.

Core, and the extensions creation, creation-with-upload, creation-defer-length, checksum, expiration, termination.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

VERSION = "1.0.0"
EXTENSIONS = (
    "creation", "creation-with-upload", "creation-defer-length", "checksum", "expiration", "termination",
)  # fmt: skip
ALGORITHMS = ("sha256", "sha1")
"""sha1 is the one that every server must have; sha256 is the one to use."""
CHUNK_TYPE = "application/offset+octet-stream"
METHODS = ("OPTIONS", "POST", "HEAD", "PATCH", "DELETE")
MAX_METADATA = 8 << 10
CHECKSUM_MISMATCH = 460

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,100}", re.ASCII)
"""A key of Upload-Metadata: ASCII without spaces and commas."""


class TusRefusal(Exception):
    """A request that the protocol refuses: status, reason word, sentence, and further header fields."""

    def __init__(self, status: int, reason: str, detail: str, **fields: str) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}


@dataclass(frozen=True, slots=True)
class Checksum:
    """The checksum that a body must have."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Creation:
    """A new upload: `length` in bytes (None: told later); `has_body`: its first bytes come with the request."""

    length: int | None
    metadata: dict[str, str]
    checksum: Checksum | None
    has_body: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes for an upload, from `offset` on; `length` of the upload where it is told only now."""

    offset: int
    length: int | None
    checksum: Checksum | None


def effective_method(method: str, override: str | None) -> str:
    """The method to use: X-HTTP-Method-Override is for clients that cannot send PATCH or DELETE."""
    return (override or method).upper()


def check_version(given: str | None) -> None:
    """Every request but OPTIONS names its version. Raises TusRefusal (412), which lists ours."""
    if given != VERSION:
        detail = f"Tus-Resumable must be {VERSION}" + (f", not {given[:20]!r}" if given else "")
        raise TusRefusal(412, "tus-version", detail, Tus_Version=VERSION)


def read_creation(fields: Mapping[str, str], max_size: int, *, has_body: bool) -> Creation:
    """The request of a POST; `fields` finds header fields in any case. Raises TusRefusal (400, 413, 415)."""
    if "Upload-Concat" in fields:  # each part would become a film of its own
        raise TusRefusal(400, "upload-concat", f"concatenation is not offered, only {', '.join(EXTENSIONS)}")
    length = _number(fields, "Upload-Length")
    deferred = fields.get("Upload-Defer-Length")
    if deferred is not None and deferred != "1":
        raise TusRefusal(400, "upload-length", "Upload-Defer-Length must be 1")
    if (length is None) == (deferred is None):
        raise TusRefusal(400, "upload-length", "either Upload-Length or Upload-Defer-Length: 1 is needed")
    if length is not None:
        _check_size(length, max_size)
    if has_body:
        _check_type(fields)
    metadata = parse_metadata(fields.get("Upload-Metadata", ""))
    return Creation(length, metadata, _checksum(fields), has_body)


def read_chunk(fields: Mapping[str, str], max_size: int) -> Chunk:
    """The request of a PATCH. Raises TusRefusal (400, 413, 415)."""
    _check_type(fields)
    offset = _number(fields, "Upload-Offset")
    if offset is None:
        raise TusRefusal(400, "upload-offset", "Upload-Offset is missing")
    length = _number(fields, "Upload-Length")
    if length is not None:
        _check_size(length, max_size)
    return Chunk(offset, length, _checksum(fields))


def check_offset(received: int, length: int | None, chunk: Chunk, content_length: int | None, max_size: int) -> int:
    """Whether the chunk continues the upload; returns the upload's length, or the bound of one not told yet.

    Raises TusRefusal: 409 for another offset, which the answer names; 400 for another length; 413 for too many bytes.
    """
    if length is not None and chunk.length is not None and chunk.length != length:
        raise TusRefusal(400, "upload-length", f"the upload's length is {length} and cannot be changed")
    if chunk.offset != received:
        detail = f"the next byte is {received}, not {chunk.offset}"
        raise TusRefusal(409, "upload-offset", detail, Upload_Offset=str(received))
    known = length if length is not None else chunk.length
    if known is not None and known < received:
        raise TusRefusal(400, "upload-length", f"{received} bytes have been received, more than {known}")
    bound = known if known is not None else max_size
    if content_length is not None and received + content_length > bound:
        raise TusRefusal(413, "upload-size", f"{received + content_length} bytes are more than the upload's {bound}")
    return bound


def parse_metadata(text: str) -> dict[str, str]:
    """Upload-Metadata: `key base64,key base64,key`. Raises TusRefusal (400)."""
    if len(text) > MAX_METADATA:
        raise TusRefusal(400, "upload-metadata", f"Upload-Metadata is longer than {MAX_METADATA} bytes")
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise TusRefusal(400, "upload-metadata", f"Upload-Metadata: the key {key[:40]!r} is invalid or given twice")
        try:
            found[key] = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise TusRefusal(400, "upload-metadata", f"Upload-Metadata: {key} is not base64 of UTF-8 text") from None
    return found


def format_metadata(metadata: Mapping[str, str]) -> str:
    """The form that `parse_metadata` reads."""
    pairs = ((key, base64.b64encode(value.encode()).decode()) for key, value in metadata.items())
    return ",".join(f"{key} {value}".rstrip() for key, value in pairs)


def option_fields(max_size: int) -> dict[str, str]:
    """The fields of the answer to OPTIONS."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_size),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def state_fields(received: int, length: int | None, expires: float | None) -> dict[str, str]:
    """The fields that say how far an upload is; `expires` in Unix seconds, None for one that is complete."""
    fields = {"Upload-Offset": str(received)}
    fields |= {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    return fields | expiry_fields(expires)


def expiry_fields(expires: float | None) -> dict[str, str]:
    """Upload-Expires of an upload that will expire."""
    return {} if expires is None else {"Upload-Expires": formatdate(expires, usegmt=True)}


def _check_size(length: int, max_size: int) -> None:
    if length > max_size:
        raise TusRefusal(413, "upload-size", f"{length} bytes are more than the {max_size} that are accepted")


def _check_type(fields: Mapping[str, str]) -> None:
    given = fields.get("Content-Type", "").partition(";")[0].strip().lower()
    if given != CHUNK_TYPE:
        raise TusRefusal(415, "content-type", f"Content-Type must be {CHUNK_TYPE}")


def _number(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise TusRefusal(400, name.lower(), f"{name} must be a whole number from 0 on")
    return int(text)


def _checksum(fields: Mapping[str, str]) -> Checksum | None:
    text = fields.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise TusRefusal(400, "checksum-algorithm", f"Upload-Checksum must use one of {', '.join(ALGORITHMS)}")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise TusRefusal(400, "checksum", f"Upload-Checksum is not a {algorithm} in base64")
    return Checksum(algorithm, digest)
