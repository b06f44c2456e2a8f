"""What the boxes of a file say of its encryption (ISO 23001-7). Pure.

An encrypted init segment has one sample entry, which is encrypted (`encv`, `enca`), with the scheme (`schm`) and the
key id (`tenc`); each of its segments has sample encryption data (`senc`).
"""

from __future__ import annotations

from origin.verify.boxes import bodies, boxes

_ENTRY_FIELDS = {b"encv": 78, b"enca": 28}
"""Bytes of fields between the head of a sample entry and its boxes (ISO 14496-12 §8.5.2)."""


def read_protection(init: bytes) -> tuple[str, str] | None:
    """(scheme, key id) of an init segment; None if it has a clear sample entry, or no track."""
    found: set[tuple[str, str] | None] = set()
    for track in bodies(init, b"moov", b"trak"):
        for table in bodies(track, b"mdia", b"minf", b"stbl", b"stsd"):
            found |= {_entry_protection(kind, entry) for kind, entry in boxes(table[8:])}
    return found.pop() if len(found) == 1 else None


def _entry_protection(kind: bytes, entry: bytes) -> tuple[str, str] | None:
    fields = _ENTRY_FIELDS.get(kind)
    if fields is None:
        return None
    for information in bodies(entry[fields:], b"sinf"):
        schemes = [body[4:8].decode("latin-1") for body in bodies(information, b"schm")]
        # tenc: version and flags, two bytes of the pattern, isProtected, IV size, then the key id
        keys = [body for body in bodies(information, b"schi", b"tenc") if len(body) >= 24 and body[6] == 1]
        if schemes and keys:
            return schemes[0], keys[0][8:24].hex()
    return None


def is_encrypted(segment: bytes) -> bool:
    """Whether each track fragment of a media segment has sample encryption data; the media itself may be cut off."""
    fragments = list(bodies(segment, b"moof", b"traf"))
    return bool(fragments) and all(any(kind == b"senc" for kind, _ in boxes(fragment)) for fragment in fragments)
