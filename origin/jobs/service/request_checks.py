"""What a request of the ingest service may name: contentIds, encodings, and the file of a location. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from kernel.errors import BadRequest
from kernel.media.content_keys import EncryptionScheme
from kernel.vocabulary import is_content_id
from origin.encode.profile import merge_profiles

NO_ENCRYPTION = "none"
RESERVED = frozenset(("ingest", "transcode", "jobs", "uploads", "work", "workers", "alerts"))
"""Words after `/content/` that are paths of the API."""


def is_usable_id(text: str) -> bool:
    """Whether a title can have this contentId: it is one, and no path of the API."""
    return is_content_id(text) and text not in RESERVED


def check_encoding(profiles: list[str], encrypt: str) -> None:
    """Raises BadRequest (400) for an unknown profile or scheme, or a combination that cannot be."""
    if encrypt not in (NO_ENCRYPTION, *EncryptionScheme):
        raise BadRequest(400, "encrypt", f"`encrypt` must be none or one of {', '.join(EncryptionScheme)}")
    if merge_profiles(profiles).mpeg_ts and encrypt != NO_ENCRYPTION:
        raise BadRequest(400, "encrypt", "MPEG-TS is for clear titles only: leave the profile or the encryption out")


def own_path(location: str | None) -> str:
    """A location on the origin's own host; "" for one elsewhere."""
    return location if location and "://" not in location else ""


def name_of(location: str) -> str:
    """The file's own name, from a path or a URL."""
    path = urlsplit(location).path if re.match(r"[a-z0-9]+://", location) else location
    return unquote(path).replace("\\", "/").rpartition("/")[2][:255]
