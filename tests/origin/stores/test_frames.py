"""The form of encrypted objects."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from origin.stores.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    STORED_FRAME_BYTES,
    WrappingKey,
    frame_range,
    is_header,
    new_header,
    open_frames,
    open_header,
    seal_frame,
    stored_size,
    wrapping_id,
)

WRAPPING = WrappingKey(b"12345678", AESGCM(bytes(32)))


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_the_stored_size_follows_the_size(size):
    """The last frame is never full, so that it is known as the last one."""
    count = size // FRAME_BYTES + 1
    sealed = [seal_frame(AESGCM(bytes(32)), n, bytes(min(FRAME_BYTES, size - n * FRAME_BYTES))) for n in range(count)]
    assert HEADER_BYTES + sum(map(len, sealed)) == stored_size(size)


@pytest.mark.parametrize(
    ("first", "stop", "expected"),
    [
        (0, 1, (0, 0, 1)),
        (0, FRAME_BYTES, (0, 0, 1)),
        (FRAME_BYTES - 1, FRAME_BYTES + 1, (0, 0, 2)),
        (FRAME_BYTES, FRAME_BYTES + 1, (1, 1, 2)),
        (5 * FRAME_BYTES + 7, 9 * FRAME_BYTES, (5, 5, 9)),
    ],
)
def test_the_frames_of_a_range(first, stop, expected):
    number, start, end = expected
    assert frame_range(first, stop) == (
        number, HEADER_BYTES + start * STORED_FRAME_BYTES, HEADER_BYTES + end * STORED_FRAME_BYTES
    )  # fmt: skip


def test_a_header_opens_only_for_its_object_and_key():
    header, cipher = new_header(WRAPPING, "media/x/1.m4s")
    assert is_header(header)
    assert not is_header(b"#EXTM3U")
    assert wrapping_id(header) == WRAPPING.id
    frame = seal_frame(cipher, 0, b"content")
    assert list(open_frames(open_header(header, WRAPPING, "media/x/1.m4s"), 0, frame)) == [b"content"]
    for key, wrapping in (("media/x/2.m4s", WRAPPING), ("media/x/1.m4s", WrappingKey(b"x", AESGCM(b"1" * 32)))):
        with pytest.raises(ValueError, match="another object"):
            open_header(header, wrapping, key)


def test_any_change_of_frames_is_seen():
    """A flipped bit, frames swapped, the last one cut off, or a full one made the last."""
    cipher = AESGCM(os.urandom(32))
    one, two, three = (
        seal_frame(cipher, n, content) for n, content in enumerate((bytes(FRAME_BYTES),) * 2 + (b"end",))
    )
    assert len(b"".join(open_frames(cipher, 0, one + two + three))) == 2 * FRAME_BYTES + 3
    assert list(open_frames(cipher, 1, two)) == [bytes(FRAME_BYTES)]
    for changed in (one[:-1] + bytes([one[-1] ^ 1]), two, one + three, one[:-20], three, one + b"short"):
        with pytest.raises(ValueError, match="changed or cut"):
            list(open_frames(cipher, 0, changed))
