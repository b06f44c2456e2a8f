"""What playlists, manifests and init segments say of one content key to each DRM system. Pure.

Each set names one key id only: a CDM asks for a licence with all key ids of its initialisation data, and a vendor
refuses the whole request if the viewer's plan lacks one of them. `pssh` boxes: ISO 23001-7 §8.1. PlayReady's object and
header: Microsoft's PlayReady Header Specification. Widevine's data: the fields of WidevinePsshData that are public.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB

from kernel.media.content_keys import ContentKey, EncryptionScheme

KEY_TAG, SESSION_KEY_TAG = "#EXT-X-KEY:", "#EXT-X-SESSION-KEY:"
CLEAR_KEY_FORMAT = "org.w3.clearkey"
FAIRPLAY_FORMAT = "com.apple.streamingkeydelivery"
PLAYREADY_FORMAT = "com.microsoft.playready"
CENC_NAMESPACE = "urn:mpeg:cenc:2013"
PLAYREADY_NAMESPACE = "urn:microsoft:playready"
_HEADER = (
    '<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader" version="{}">'
    "<DATA>{}</DATA></WRMHEADER>"
)
_WIDEVINE_KEY_ID, _WIDEVINE_SCHEME = b"\x12\x10", b"\x48"
"""Protobuf tags of WidevinePsshData: `key_ids` with its length of 16, and `protection_scheme` as a varint."""


class DrmSystem(StrEnum):
    """A DRM system's id, as DASH-IF registers it."""

    CLEAR_KEY = "e2719d58-a985-b3c9-781a-b030af78d30e"
    COMMON = "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b"
    PLAYREADY = "9a04f079-9840-4286-ab92-e65be0885f95"
    WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
    FAIRPLAY = "94ce86fb-07ff-4f43-adb8-93d2fa968ca2"


PROTECTION_VALUES = {DrmSystem.CLEAR_KEY: "ClearKey1.0", DrmSystem.PLAYREADY: "MSPR 2.0"}
"""The `value` of a system's ContentProtection element."""


@dataclass(frozen=True, slots=True)
class SystemSignals:
    """What one DRM system reads of one key; "" or b"" where it reads nothing of that kind.

    `pssh`: the whole box. `protection`: the XML inside the MPD's ContentProtection, with its own namespaces.
    `key_lines`, `session_lines`: lines of media and multivariant playlists, joined by line feeds.
    """

    pssh: bytes = b""
    protection: str = ""
    key_lines: str = ""
    session_lines: str = ""


Signals = Mapping[DrmSystem, SystemSignals]


def signal_key(key: ContentKey, scheme: EncryptionScheme, iv: bytes) -> dict[DrmSystem, SystemSignals]:
    """The signals of a key to each system that supports the scheme; `iv` is the constant one of `cbcs`, else unused."""
    key_id = bytes.fromhex(key.key_id)
    method = f"METHOD={'SAMPLE-AES' if scheme is EncryptionScheme.CBCS else 'SAMPLE-AES-CTR'}"
    widevine = pssh_box(DrmSystem.WIDEVINE, _WIDEVINE_KEY_ID + key_id + _WIDEVINE_SCHEME + _varint(scheme))
    playready = playready_object(key, scheme)
    constant = f",IV=0x{iv.hex()}" if scheme is EncryptionScheme.CBCS else ""
    made = {
        DrmSystem.CLEAR_KEY: _in_playlists(
            f'{method},URI="data:text/plain;base64,{_base64(key_id)}",KEYID=0x{key.key_id},'
            f'KEYFORMAT="{CLEAR_KEY_FORMAT}",KEYFORMATVERSIONS="1"'
        ),
        DrmSystem.COMMON: _in_files(pssh_box(DrmSystem.COMMON, b"", key_id)),
        DrmSystem.PLAYREADY: _in_files(
            pssh_box(DrmSystem.PLAYREADY, playready),
            f'{method},URI="data:text/plain;charset=UTF-16;base64,{_base64(playready)}"{constant},'
            f'KEYFORMAT="{PLAYREADY_FORMAT}",KEYFORMATVERSIONS="1"',
            f'<pro xmlns="{PLAYREADY_NAMESPACE}">{_base64(playready)}</pro>',
        ),
        DrmSystem.WIDEVINE: _in_files(
            widevine,
            f'{method},URI="data:text/plain;base64,{_base64(widevine)}",KEYID=0x{key.key_id}{constant},'
            f'KEYFORMAT="urn:uuid:{DrmSystem.WIDEVINE}",KEYFORMATVERSIONS="1"',
        ),
    }
    if scheme is EncryptionScheme.CBCS:
        # Vendors read the key id as a GUID and the IV from the URI, which the device passes on in its challenge.
        uri = f"skd://{UUID(hex=key.key_id)}:{iv.hex().upper()}"
        line = f'{method},URI="{uri}"{constant},KEYFORMAT="{FAIRPLAY_FORMAT}",KEYFORMATVERSIONS="1"'
        made[DrmSystem.FAIRPLAY] = _in_playlists(line)
    return made


def pssh_box(system: DrmSystem, data: bytes, *key_ids: bytes) -> bytes:
    """A `pssh` box: version 1 if it lists key ids, else version 0."""
    listed = struct.pack(">I", len(key_ids)) + b"".join(key_ids) if key_ids else b""
    body = bytes((1 if key_ids else 0, 0, 0, 0)) + UUID(system).bytes + listed + struct.pack(">I", len(data)) + data
    return struct.pack(">I", len(body) + 8) + b"pssh" + body


def is_pssh_box(data: bytes, system: DrmSystem) -> bool:
    """Whether the data is one whole `pssh` box of this system."""
    whole = len(data) >= 32 and data[4:8] == b"pssh" and struct.unpack(">I", data[:4])[0] == len(data)
    return whole and data[12:28] == UUID(system).bytes


def playready_object(key: ContentKey, scheme: EncryptionScheme) -> bytes:
    """PlayReady's object with one header: version 4.3 for `cbcs`, 4.0, which the oldest devices read, for `cenc`."""
    key_id = UUID(hex=key.key_id).bytes_le
    named = _base64(key_id)
    if scheme is EncryptionScheme.CBCS:
        text = f'<PROTECTINFO><KIDS><KID ALGID="AESCBC" VALUE="{named}"></KID></KIDS></PROTECTINFO>'
        header = _HEADER.format("4.3.0.0", text)
    else:
        # ECB of one block, as the header specification says: the checksum tells a wrong key from the right one.
        encryptor = Cipher(algorithms.AES(key.key), ECB()).encryptor()  # noqa: S305
        checksum = (encryptor.update(key_id) + encryptor.finalize())[:8]
        text = "<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO>"
        header = _HEADER.format("4.0.0.0", f"{text}<KID>{named}</KID><CHECKSUM>{_base64(checksum)}</CHECKSUM>")
    record = header.encode("utf-16-le")
    return struct.pack("<IHHH", 10 + len(record), 1, 1, len(record)) + record


def _in_playlists(line: str) -> SystemSignals:
    return SystemSignals(key_lines=KEY_TAG + line, session_lines=SESSION_KEY_TAG + line)


def _in_files(pssh: bytes, line: str = "", more: str = "") -> SystemSignals:
    protection = f'<pssh xmlns="{CENC_NAMESPACE}">{_base64(pssh)}</pssh>{more}'
    lines = _in_playlists(line) if line else SystemSignals()
    return SystemSignals(pssh, protection, lines.key_lines, lines.session_lines)


def _varint(scheme: EncryptionScheme) -> bytes:
    """A scheme's four characters as a protobuf varint."""
    rest, made = int.from_bytes(scheme.encode(), "big"), bytearray()
    while rest > 0x7F:
        made.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((*made, rest))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
