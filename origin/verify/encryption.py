"""Verification of an encrypted tree: every segment is encrypted, under its own label's key, and all say so, of it only.

The packager leaves segments clear without an error (its default clear lead is 5 s), so the boxes are read: an init
segment has one sample entry, which is encrypted (`encv`, `enca`) with the scheme (`schm`) and the key id (`tenc`), and
each segment has sample encryption data (`senc`), ISO 23001-7.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kernel.errors import Bug
from kernel.media.drm_signals import CLEAR_KEY_FORMAT
from kernel.media.playlist import parse_media
from kernel.media.xml_reader import read_xml
from origin.encode.encoder import Track
from origin.package.encryption import Encryption, label_of
from origin.package.key_signals import manifest_key_ids
from origin.package.packager import MANIFEST, rendition_folder
from origin.verify.boxes import bodies, boxes

_ENTRY_FIELDS = {b"encv": 78, b"enca": 28}
"""Bytes of fields between the head of a sample entry and its boxes (ISO 14496-12 §8.5.2)."""
_MAX_HEAD = 4 << 20


def check_encryption(tree: Path, tracks: Sequence[Track], publication: int, encryption: Encryption) -> None:
    """Check every rendition of a packaged tree. Raises Bug naming the file."""
    folders = {rendition_folder(track.name, publication): encryption.key_id(track) for track in tracks}
    labels = {rendition_folder(track.name, publication): label_of(track) for track in tracks}
    for folder, key_id in folders.items():
        text = (tree / folder / "main.m3u8").read_text(encoding="utf-8")
        if f'KEYID=0x{key_id},KEYFORMAT="{CLEAR_KEY_FORMAT}"' not in text or 'KEYFORMAT="identity"' in text:
            raise Bug(f"{folder}/main.m3u8 does not signal its key")
        playlist = parse_media(text)
        init = (tree / folder / str(playlist.init)).read_bytes()
        found = read_protection(init)
        if found != (str(encryption.scheme), key_id):
            raise Bug(f"{folder}/{playlist.init} is not encrypted as intended, but {found or 'clear'}")
        if list(bodies(init, b"moov", b"pssh")) != [box[8:] for box in encryption.init_boxes(labels[folder])]:
            raise Bug(f"{folder}/{playlist.init} has other pssh boxes than those of its key")
        for segment in playlist.segments:
            with (tree / folder / segment.uri).open("rb") as file:
                if not is_encrypted(file.read(_MAX_HEAD)):
                    raise Bug(f"{folder}/{segment.uri} is not encrypted")
    listed = manifest_key_ids(read_xml((tree / MANIFEST).read_bytes()))
    if listed != folders:
        raise Bug(f"{MANIFEST} signals the keys {listed}, expected {folders}")


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
