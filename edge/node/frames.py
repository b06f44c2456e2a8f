"""The messages between the owner of the cache and its workers: bytes to frames and back. Pure.

    length 4 (big-endian, of what follows) | kind 1 | MessagePack

Owner to worker: STATE, then BEGIN_SNAPSHOT, FILES in batches, END_SNAPSHOT, and from then on FILES and REMOVED as they
happen. FENCE asks to say FENCED once everything sent before is applied. The lines of FILES are those of
`cache.followed_index.line_of`. Numbers in FENCE, RELOAD and ASK_COUNTS are repeated in the answer.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

MAX_FRAME_BYTES = 256 << 20
"""A larger frame is an error: rules of a million titles fit."""
_HEAD = 5


class Kind(IntEnum):
    """What a frame says."""

    HELLO = 1
    """Worker: [slot, process id]."""
    STATE = 2
    """Owner: {rules, rulesVersion, keys, keysVersion, settings, draining}, all that is in force."""
    BEGIN_SNAPSHOT = 3
    FILES = 4
    """Owner: [[name, line], ...]."""
    END_SNAPSHOT = 5
    REMOVED = 6
    """Owner: [name, ...]."""
    FENCE = 7
    """Owner: number."""
    FENCED = 8
    """Worker: number."""
    RELOAD = 9
    """Owner: [number, [part, ...]]."""
    RELOADED = 10
    """Worker: [number, {part: why it failed}]."""
    ASK_COUNTS = 11
    """Owner: number."""
    COUNTS = 12
    """Worker: [number, what was counted since the last such frame]; number 0 if nobody asked."""
    DRAIN = 13
    """Owner: whether to accept no further viewers."""
    SEEN = 14
    """Worker: [key, ...], objects that were sent to viewers, for prefetching what follows them."""


class BadFrame(Exception):
    """The other side does not speak this protocol."""


class Frame(msgspec.Struct, frozen=True):
    """One message."""

    kind: Kind
    content: Any


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(strict=True)


def encode(kind: Kind, content: object = None) -> bytes:
    """The bytes of a frame."""
    packed = _encoder.encode(content)
    return (len(packed) + 1).to_bytes(4, "big") + bytes((kind,)) + packed


class FrameReader:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises BadFrame."""
        rest, frames, at = self._rest, list[Frame](), 0
        rest += data
        while len(rest) - at >= _HEAD:
            length = int.from_bytes(rest[at : at + 4], "big")
            if not 1 <= length <= MAX_FRAME_BYTES:
                raise BadFrame(f"a frame of {length} bytes")
            if len(rest) - at < 4 + length:
                break
            frames.append(_frame(rest[at + 4], bytes(rest[at + _HEAD : at + 4 + length])))
            at += 4 + length
        del rest[:at]
        return frames


def _frame(kind: int, packed: bytes) -> Frame:
    try:
        return Frame(Kind(kind), _decoder.decode(packed))
    except (ValueError, msgspec.DecodeError) as error:
        raise BadFrame(str(error)) from None
