"""Content keys of encrypted titles: one for each label, and which labels a viewer's tier may have. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum

from kernel.vocabulary import TIER_LINES, Tier, is_content_id

KEY_BYTES = 16
"""AES-128 (ISO 23001-7)."""
IV_BYTES = 16
"""The constant IV of `cbcs`."""
MAX_PUBLICATION = 1_000_000
_NAME = re.compile(r"(?P<title>[A-Za-z0-9_-]{1,64})(?::(?P<number>[1-9]\d{0,6}))?", re.ASCII)


class KeyLabel(StrEnum):
    """The tracks that share one key: the packager's `drm_label`, SPEKE's `intendedTrackType`."""

    SD = "SD"
    HD = "HD"
    UHD = "UHD"
    AUDIO = "AUDIO"


class EncryptionScheme(StrEnum):
    """The protection scheme of Common Encryption."""

    CBCS = "cbcs"
    CENC = "cenc"


LABEL_TIER = {KeyLabel.SD: Tier.SD, KeyLabel.AUDIO: Tier.SD, KeyLabel.HD: Tier.HD, KeyLabel.UHD: Tier.UHD}
"""The lowest tier whose viewers may have a label's key."""
_ORDER = tuple(Tier)


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A key: `key_id` is 32 hexadecimal digits in lower case. `repr` does not show the key."""

    label: KeyLabel
    key_id: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EncryptedContent:
    """What a set of keys belongs to: one publication of a title."""

    content_id: str
    publication: int = 1

    def __str__(self) -> str:
        return f"{self.content_id}:{self.publication}"


def parse_content(text: str) -> EncryptedContent:
    """Parse `contentId` or `contentId:publication`. Raises ValueError."""
    match = _NAME.fullmatch(text)
    if match is None or not is_content_id(match["title"]) or int(match["number"] or 1) > MAX_PUBLICATION:
        raise ValueError(f"{text[:80]!r} is not a contentId, nor a contentId, a colon and the publication's number")
    return EncryptedContent(match["title"], int(match["number"] or 1))


def constant_iv(key_id: str) -> bytes:
    """The IV of `cbcs` for all tracks of a key. It is public, but no two keys have the same one (ISO 23001-7 §9.1)."""
    return hashlib.sha256(b"matinee cbcs iv " + bytes.fromhex(key_id)).digest()[:IV_BYTES]


def label_of_lines(lines: int) -> KeyLabel:
    """The label of a video rendition with this height in lines."""
    for tier, label in ((Tier.SD, KeyLabel.SD), (Tier.HD, KeyLabel.HD)):
        if lines <= TIER_LINES[tier]:
            return label
    return KeyLabel.UHD


def is_entitled(tier: Tier | None, label: KeyLabel) -> bool:
    """Whether a viewer of this tier (None: no limit) may have the label's key."""
    return tier is None or _ORDER.index(LABEL_TIER[label]) <= _ORDER.index(tier)
