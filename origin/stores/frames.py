"""The form of an encrypted object: a header with its wrapped data key, then frames of AES-256-GCM. Pure.

    header  8 bytes magic, 8 bytes id of the wrapping key, 12 bytes nonce, 48 bytes data key wrapped by it
    frame   up to 64 KiB of content and a tag of 16 bytes; all but the last are full, and the last is not

Each object has a data key of its own, so the number of a frame is its nonce. A frame that is not full is the last: an
object that was cut at any place does not decrypt. The wrapped key is bound to the object's key in the store: an object
that was moved or swapped does not decrypt either.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"MATENC1\n"
WRAPPING_ID_BYTES = 8
FRAME_BYTES = 64 << 10
TAG_BYTES = 16
KEY_BYTES = 32
_NONCE_BYTES = 12
HEADER_BYTES = len(MAGIC) + WRAPPING_ID_BYTES + _NONCE_BYTES + KEY_BYTES + TAG_BYTES
STORED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES


class WrappingKey(NamedTuple):
    """A key that wraps data keys, and its id in headers."""

    id: bytes
    cipher: AESGCM


class FrameRange(NamedTuple):
    """The frames that hold a range of the content, and where they are stored: `first` to `stop` (exclusive)."""

    number: int
    first: int
    stop: int


def is_header(data: bytes | memoryview) -> bool:
    """Whether an object that starts so is encrypted."""
    return bytes(data[: len(MAGIC)]) == MAGIC


def wrapping_id(header: bytes) -> bytes:
    """The id of the wrapping key that a header names."""
    return header[len(MAGIC) : len(MAGIC) + WRAPPING_ID_BYTES]


def new_header(wrapping: WrappingKey, object_key: str) -> tuple[bytes, AESGCM]:
    """The header of a new object, and the cipher of its frames."""
    data_key, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
    start = MAGIC + wrapping.id
    wrapped = wrapping.cipher.encrypt(nonce, data_key, start + object_key.encode())
    return start + nonce + wrapped, AESGCM(data_key)


def open_header(header: bytes, wrapping: WrappingKey, object_key: str) -> AESGCM:
    """The cipher of an object's frames. Raises ValueError if the header was changed or belongs to another object."""
    start = len(MAGIC) + WRAPPING_ID_BYTES
    nonce, wrapped = header[start : start + _NONCE_BYTES], header[start + _NONCE_BYTES : HEADER_BYTES]
    try:
        return AESGCM(wrapping.cipher.decrypt(nonce, wrapped, header[:start] + object_key.encode()))
    except InvalidTag:
        raise ValueError("its header was changed, or belongs to another object") from None


def stored_size(size: int) -> int:
    """The size of an encrypted object with `size` bytes of content."""
    return HEADER_BYTES + size + (size // FRAME_BYTES + 1) * TAG_BYTES


def frame_range(first: int, stop: int) -> FrameRange:
    """Where the frames of the content's bytes `first` to `stop` (exclusive, above `first`) are stored."""
    number, last = first // FRAME_BYTES, (stop - 1) // FRAME_BYTES
    return FrameRange(
        number, HEADER_BYTES + number * STORED_FRAME_BYTES, HEADER_BYTES + (last + 1) * STORED_FRAME_BYTES
    )


def seal_frame(cipher: AESGCM, number: int, content: bytes | memoryview) -> bytes:
    """One frame. It is the last if it is not full."""
    return cipher.encrypt(_nonce(number, len(content)), content, None)


def open_frames(cipher: AESGCM, number: int, stored: bytes | memoryview) -> Iterator[bytes]:
    """The content of consecutive frames from `number` on. Raises ValueError if one was changed or cut."""
    view = memoryview(stored)
    for start in range(0, len(view), STORED_FRAME_BYTES):
        frame = view[start : start + STORED_FRAME_BYTES]
        try:
            yield cipher.decrypt(_nonce(number, len(frame) - TAG_BYTES), frame, None)
        except (InvalidTag, ValueError):
            raise ValueError(f"its frame {number} was changed or cut") from None
        number += 1


def _nonce(number: int, size: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES - 1, "big") + (b"\1" if size < FRAME_BYTES else b"\0")
