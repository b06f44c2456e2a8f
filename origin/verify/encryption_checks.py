"""Checks of encryption, on what was read of a title's files. Pure.

The packager leaves segments clear without an error (its default clear lead is 5 s), so the boxes of every segment are
looked at, and everything that names a key: init segments, playlists and manifests name the track's own key only.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from uuid import UUID

from kernel.media.content_keys import KeyLabel, label_of_lines
from kernel.media.drm_signals import CLEAR_KEY_FORMAT, KEY_TAG, DrmSystem
from kernel.media.xml_reader import read_xml
from kernel.vocabulary import rendition_height
from origin.package.key_signals import manifest_key_ids
from origin.storage.records import EncryptionRecord
from origin.verify.boxes import bodies
from origin.verify.encryption import read_protection
from origin.verify.findings import Check, Finding
from origin.verify.title_files import TEXT_FOLDERS, TitleFacts

_COMMON = UUID(DrmSystem.COMMON).bytes
_PLAYLISTS = ("main.m3u8", "iframe.m3u8")


def check_encryption(
    encryption: EncryptionRecord | None, folders: Iterable[str], facts: TitleFacts
) -> Iterator[Finding]:
    """Findings of the CMAF folders of a title; `encryption` None: all of it must be clear."""
    expected = {folder: _key_id(folder, encryption) for folder in folders if folder in facts.inits}
    for folder, key_id in expected.items():
        yield from _check_init(folder, key_id, encryption, facts)
        if key_id is not None and encryption is not None:
            yield from _check_playlists(folder, key_id, encryption, facts)
        else:
            yield from _check_clear_playlists(folder, facts)
    for path, encrypted in facts.encrypted.items():
        folder = path.rpartition("/")[0]
        if folder in expected and encrypted != (expected[folder] is not None):
            yield Finding(Check.ENCRYPTION, path, "is encrypted" if encrypted else "is clear")
    yield from _check_manifests(expected, facts)


def _key_id(folder: str, encryption: EncryptionRecord | None) -> str | None:
    """The key id of a folder's tracks; None if they are clear, as subtitles always are."""
    if encryption is None or folder.startswith(TEXT_FOLDERS):
        return None
    lines = rendition_height(folder)
    return encryption.key_ids.get(label_of_lines(lines) if lines is not None else KeyLabel.AUDIO, "")


def _check_init(
    folder: str, key_id: str | None, encryption: EncryptionRecord | None, facts: TitleFacts
) -> Iterator[Finding]:
    init, path = facts.inits[folder], f"{folder}/init.mp4"
    expected = (encryption.scheme, key_id) if encryption is not None and key_id is not None else None
    found = read_protection(init)
    if found != expected:
        said, got = (" under ".join(one) if one else "clear" for one in (expected, found))
        yield Finding(Check.ENCRYPTION, path, f"is {got}, expected {said}")
    others = set(encryption.key_ids.values()) - {key_id} if encryption is not None else set()
    own = [body for body in bodies(init, b"moov", b"pssh") if body[4:20] != _COMMON]
    if any(form in body for body in own for other in others for form in _forms(other)):
        yield Finding(Check.ENCRYPTION, path, "has a pssh box that names the key of another label")


def _forms(key_id: str) -> tuple[bytes, bytes]:
    """A key id as Widevine's data has it, and as PlayReady's header has it."""
    if not key_id:
        return b"\0" * 16, b"\0" * 16
    guid = base64.b64encode(UUID(hex=key_id).bytes_le).decode()
    return bytes.fromhex(key_id), guid.encode("utf-16-le")


def _check_playlists(folder: str, key_id: str, encryption: EncryptionRecord, facts: TitleFacts) -> Iterator[Finding]:
    others = set(encryption.key_ids.values()) - {key_id}
    for path in (f"{folder}/{name}" for name in _PLAYLISTS):
        text = facts.texts.get(path, b"").decode("utf-8", "replace")
        if not text:
            continue
        if f'KEYID=0x{key_id},KEYFORMAT="{CLEAR_KEY_FORMAT}"' not in text or 'KEYFORMAT="identity"' in text:
            yield Finding(Check.ENCRYPTION, path, "does not name its key to Clear Key, or has the format identity")
        if any(f"KEYID=0x{other}" in text for other in others):
            yield Finding(Check.ENCRYPTION, path, "names the key of another label")


def _check_clear_playlists(folder: str, facts: TitleFacts) -> Iterator[Finding]:
    for path in (f"{folder}/{name}" for name in _PLAYLISTS):
        if KEY_TAG.encode() in facts.texts.get(path, b""):
            yield Finding(Check.ENCRYPTION, path, "names a key of segments that are clear")


def _check_manifests(expected: dict[str, str | None], facts: TitleFacts) -> Iterator[Finding]:
    keys = {folder: key_id for folder, key_id in expected.items() if key_id is not None}
    for path, data in facts.texts.items():
        if "/" in path or not path.endswith(".mpd"):
            continue
        try:
            named = manifest_key_ids(read_xml(data))
        except ValueError:
            continue  # a finding of the manifest's own checks
        for folder, key_id in named.items():
            if keys.get(folder) != key_id:
                said = f"{key_id or 'a key without Clear Key'}, expected {keys.get(folder, 'none')}"
                yield Finding(Check.ENCRYPTION, path, f"{folder} is signalled under {said}")
