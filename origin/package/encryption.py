"""Encryption of a packaged title: the keys by label, the packager's arguments, the signalling of key systems.

Keys reach the packager through an anonymous file in memory, never by its arguments, which every user of the machine
can read, and never by a file on disk, which a kill would leave behind.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID
from xml.etree.ElementTree import Element  # only the type

from kernel.errors import Bug
from kernel.media.content_keys import ContentKey, EncryptedContent, EncryptionScheme, KeyLabel, label_of_lines
from kernel.media.playlist import attributes
from origin.encode.encoder import Track
from origin.storage.library import EncryptionRecord

PROTECTION_SYSTEMS = "Widevine,PlayReady,FairPlay,CommonSystem"
CLEAR_KEY_URN = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
CLEAR_KEY_FORMAT = "org.w3.clearkey"
FAIRPLAY_FORMAT = "com.apple.streamingkeydelivery"
MP4_PROTECTION = "urn:mpeg:dash:mp4protection:2011"
_KEY_TAG = "#EXT-X-KEY:"
_URI = re.compile(r'\bURI="[^"]*"')


@dataclass(frozen=True, slots=True)
class Encryption:
    """The scheme and the keys of one publication."""

    scheme: EncryptionScheme
    keys: Mapping[KeyLabel, ContentKey]

    def key_id(self, track: Track) -> str:
        """The key id of a track."""
        return self.keys[label_of(track)].key_id

    def record(self) -> EncryptionRecord:
        """What is published of it: ids, and no keys."""
        return EncryptionRecord(str(self.scheme), {str(key.label): key.key_id for key in self.keys.values()})

    def redact(self, text: str) -> str:
        """A program's message without any key."""
        for key in self.keys.values():
            text = text.replace(key.key.hex(), "…").replace(key.key.hex().upper(), "…")
        return text


class KeySource(Protocol):
    """The key server."""

    def fetch_encryption(
        self, content: EncryptedContent, labels: Sequence[KeyLabel], scheme: EncryptionScheme
    ) -> Encryption:
        """The keys of a publication, one for each label. Raises BadSettings, UpstreamFailed."""


def label_of(track: Track) -> KeyLabel:
    """The label whose key encrypts a track."""
    return label_of_lines(track.rung.lines) if track.rung else KeyLabel.AUDIO


def labels_of(tracks: Sequence[Track]) -> tuple[KeyLabel, ...]:
    """The labels of all tracks, each once."""
    return tuple(dict.fromkeys(label_of(track) for track in tracks))


@contextmanager
def packager_flags(encryption: Encryption) -> Iterator[tuple[list[str], int]]:
    """(the packager's arguments, the file descriptor that it must inherit); the keys are gone after the block."""
    descriptor = os.memfd_create("keys", os.MFD_CLOEXEC)
    try:
        listed = ",".join(
            f"label={label}:key_id={key.key_id}:key={key.key.hex()}" for label, key in encryption.keys.items()
        )
        os.write(descriptor, f"--keys={listed}\n".encode())
        yield (
            [
                "--enable_raw_key_encryption", "--protection_scheme", str(encryption.scheme), "--clear_lead", "0",
                "--protection_systems", PROTECTION_SYSTEMS, "--hls_key_uri", "skd://key",
                f"--flagfile=/proc/self/fd/{descriptor}",
            ],
            descriptor,
        )  # fmt: skip
    finally:
        os.close(descriptor)


def signal_playlist(playlist: str, key_id: str) -> str:
    """A media playlist whose key lines every player understands.

    Clear Key's line, which hls.js reads, comes first. The packager's `identity` line holds FairPlay's URI, where hls.js
    and Shaka fail on it, and is dropped. FairPlay's line names the key (`skd://<key id>`). Raises Bug without any key.
    """
    lines: list[str] = []
    signalled = False
    for line in playlist.splitlines():
        given = attributes(line.removeprefix(_KEY_TAG)) if line.startswith(_KEY_TAG) else {}
        if given and not signalled:
            signalled = True
            lines.append(_clear_key_line(given["METHOD"], key_id))
        if given.get("KEYFORMAT") == FAIRPLAY_FORMAT:
            line = _URI.sub(f'URI="skd://{key_id}"', line)
        if given.get("KEYFORMAT") != "identity":
            lines.append(line)
    if not signalled:
        raise Bug("the packager's playlist has no key line")
    return "\n".join(lines) + "\n"


def _clear_key_line(method: str, key_id: str) -> str:
    uri = f"data:text/plain;base64,{base64.b64encode(bytes.fromhex(key_id)).decode()}"
    return (
        f'{_KEY_TAG}METHOD={method},URI="{uri}",KEYID=0x{key_id},KEYFORMAT="{CLEAR_KEY_FORMAT}",KEYFORMATVERSIONS="1"'
    )


def signal_manifest(manifest: bytes) -> bytes:
    """An MPD that names Clear Key too.

    It has no licence URL: Shaka prefers one in the MPD to the player's own, which belongs to the session.
    """

    def with_clear_key(found: re.Match[bytes]) -> bytes:
        clear = f'<ContentProtection schemeIdUri="{CLEAR_KEY_URN}" value="ClearKey1.0"/>'
        return found[0] + found["indent"] + clear.encode()

    changed, count = _MP4_PROTECTION.subn(with_clear_key, manifest)
    if not count:
        raise Bug("the packager's manifest has no ContentProtection")
    return changed


_MP4_PROTECTION = re.compile(
    rb'(?P<indent>\n[ ]{0,40}+)<ContentProtection [^>]*"' + re.escape(MP4_PROTECTION.encode()) + rb'"[^>]*/>'
)


def manifest_key_ids(root: Element, dash: str) -> dict[str, str]:
    """The default key id of each Representation's folder in a parsed MPD; `dash` is the namespace in braces."""
    found: dict[str, str] = {}
    for group in root.iter(f"{dash}AdaptationSet"):
        protections = {one.get("schemeIdUri"): one for one in group.findall(f"{dash}ContentProtection")}
        default = protections.get(MP4_PROTECTION)
        key_id = default.get("{urn:mpeg:cenc:2013}default_KID") if default is not None else None
        for template in group.iter(f"{dash}SegmentTemplate"):
            folder = str(template.get("initialization")).partition("/")[0]
            found[folder] = UUID(key_id).hex if key_id and CLEAR_KEY_URN in protections else ""
    return found
