"""Title metadata: the metadata file, the title, and the contentId made from title and content."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import BadRequest
from kernel.titles import clean_title, without_control_characters

_MAX_BYTES = 1 << 20
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_MAX_SLUG = 40


class Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The known fields of a metadata file; other fields are kept unchanged."""

    title: str | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    description: str = ""
    countries: tuple[str, ...] | None = None


def read_metadata(path: Path) -> dict[str, Any]:
    """The JSON object of a metadata file. Raises BadRequest naming the file and the fault."""
    try:
        with path.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise BadRequest(400, "metadata", f"metadata file {path}: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise BadRequest(400, "metadata", f"metadata file {path} is larger than 1 MiB")
    return parse_metadata(data, f"metadata file {path}")


def parse_metadata(data: bytes, name: str) -> dict[str, Any]:
    """Decode and check a JSON object; `name` is for the message. Raises BadRequest."""
    try:
        found = msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8))  # editors of Windows write it
        if not isinstance(found, dict):
            raise msgspec.ValidationError("is not a JSON object")
        known = msgspec.convert(found, Metadata)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadRequest(400, "metadata", f"{name}: {error}") from None
    wrong = [code for code in known.countries or () if not _COUNTRY.fullmatch(code)]
    if wrong:
        raise BadRequest(400, "metadata", f"{name}: {wrong[0]!r} is not a two-letter country code (ISO 3166)")
    return found


def choose_title(given: str | None, metadata: Mapping[str, Any], film: Path) -> str:
    """The given title, else that of the metadata, else one made from the file name."""
    text = given or metadata.get("title") or film.stem.replace("_", " ").replace(".", " ")
    text = str(text).encode("utf-8", "replace").decode("utf-8")
    clean = clean_title(without_control_characters(text))
    return clean[:300] or "Untitled"


def make_content_id(title: str, content_hash: str) -> str:
    """A contentId that is stable for the same title and film: `big-buck-bunny-ce0d2ba6`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MAX_SLUG].strip("-")
    return f"{slug or 'film'}-{content_hash[:8]}"
