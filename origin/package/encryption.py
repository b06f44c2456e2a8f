"""Encryption of a packaged title: the keys by label, the packager's arguments, what each DRM system is told of a key.

Keys reach the packager through an anonymous file in memory, never by its arguments, which every user of the machine
can read, and never by a file on disk, which a kill would leave behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from kernel.media.content_keys import (
    ContentKey,
    EncryptedContent,
    EncryptionScheme,
    KeyLabel,
    constant_iv,
)
from kernel.media.drm_signals import DrmSystem, Signals, SystemSignals, pssh_box, signal_key
from origin.storage.records import EncryptionRecord


@dataclass(frozen=True, slots=True)
class Encryption:
    """The scheme and the keys of one publication.

    `ivs`, `given`: the IVs and the DRM systems' data that the key server chose, by label; others are made here.
    """

    scheme: EncryptionScheme
    keys: Mapping[KeyLabel, ContentKey]
    ivs: Mapping[KeyLabel, bytes] = field(default_factory=dict)
    given: Mapping[KeyLabel, Signals] = field(default_factory=dict)

    def iv(self, label: KeyLabel) -> bytes:
        """The constant IV of a label's tracks, which `cbcs` uses."""
        return self.ivs.get(label) or constant_iv(self.keys[label].key_id)

    def signals(self, label: KeyLabel) -> Signals:
        """What each DRM system is told of a label's key: by the key server where it says something, else by us."""
        made = signal_key(self.keys[label], self.scheme, self.iv(label))
        return made | {system: _merged(made.get(system), own) for system, own in self.given.get(label, {}).items()}

    def init_boxes(self, label: KeyLabel) -> list[bytes]:
        """The `pssh` boxes of the init segments of a label.

        The common box, which Clear Key reads, lists the keys of all labels: hls.js asks for one licence by the first
        init segment that it meets. The licence holds those of them that the session may have.
        """
        listed = (bytes.fromhex(key.key_id) for key in self.keys.values())
        others = (one.pssh for system, one in self.signals(label).items() if system is not DrmSystem.COMMON)
        return [pssh_box(DrmSystem.COMMON, b"", *listed), *(box for box in others if box)]

    def session_lines(self) -> dict[KeyLabel, str]:
        """The EXT-X-SESSION-KEY lines of each label's key."""
        return {
            label: "\n".join(one.session_lines for one in self.signals(label).values() if one.session_lines)
            for label in self.keys
        }

    def record(self) -> EncryptionRecord:
        """What is published of it: ids, and no keys."""
        return EncryptionRecord(str(self.scheme), {str(key.label): key.key_id for key in self.keys.values()})

    def redact(self, text: str) -> str:
        """A program's message without any key."""
        for key in self.keys.values():
            text = text.replace(key.key.hex(), "…").replace(key.key.hex().upper(), "…")
        return text


def _merged(made: SystemSignals | None, given: SystemSignals) -> SystemSignals:
    made = made or SystemSignals()
    return SystemSignals(
        given.pssh or made.pssh,
        given.protection or made.protection,
        given.key_lines or made.key_lines,
        # A line for a session's key is of no use where the media playlists have another.
        given.session_lines or ("" if given.key_lines else made.session_lines),
    )


class KeySource(Protocol):
    """The key server."""

    def fetch_encryption(
        self, content: EncryptedContent, labels: Sequence[KeyLabel], scheme: EncryptionScheme
    ) -> Encryption:
        """The keys of a publication, one for each label. Raises BadSettings, UpstreamFailed."""


@contextmanager
def packager_flags(encryption: Encryption) -> Iterator[tuple[list[str], int]]:
    """(the packager's arguments, the file descriptor that it must inherit); the keys are gone after the block.

    The packager's own signalling is not used: its Widevine and common data name the keys of all tracks in each.
    """
    descriptor = os.memfd_create("keys", os.MFD_CLOEXEC)
    try:
        listed = ",".join(
            f"label={label}:key_id={key.key_id}:key={key.key.hex()}{_iv_field(encryption, label)}"
            for label, key in encryption.keys.items()
        )
        os.write(descriptor, f"--keys={listed}\n".encode())
        yield (
            [
                "--enable_raw_key_encryption", "--protection_scheme", str(encryption.scheme), "--clear_lead", "0",
                "--protection_systems", "CommonSystem", "--mp4_include_pssh_in_stream=false",
                f"--flagfile=/proc/self/fd/{descriptor}",
            ],
            descriptor,
        )  # fmt: skip
    finally:
        os.close(descriptor)


def _iv_field(encryption: Encryption, label: KeyLabel) -> str:
    # Under `cenc` each track needs an IV of its own, or the same key stream would encrypt two tracks.
    return f":iv={encryption.iv(label).hex()}" if encryption.scheme is EncryptionScheme.CBCS else ""
