"""The frames of HTTP/2: from bytes to events, and back (RFC 9113 §4, §6; RFC 9218 §7.1). Pure.

`FrameParser` knows what is wrong within a frame, or in the order of frames that carry one header block. What a frame
means to its stream is decided in `edge.wire.h2.stream_states`. Over 300 lines because every kind of frame has its
rules here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME_BYTES = 16_384
"""The largest payload that we accept, the protocol's default."""
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535
MAX_CONTINUATIONS = 16
"""CONTINUATION frames of one header block: more than a block of the largest size needs (CVE-2024-27316 and others)."""
MAX_SETTINGS = 32
"""Settings in one frame: each may resize the windows of all streams (CVE-2020-11080)."""
FRAME_HEAD_BYTES = 9
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20


class Kind(IntEnum):
    """Frame types."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9
    PRIORITY_UPDATE = 0x10


class Code(IntEnum):
    """Error codes (RFC 9113 §7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Setting(IntEnum):
    """Settings (RFC 9113 §6.5.2, RFC 9218 §2.1)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    NO_RFC7540_PRIORITIES = 0x9


class ConnectionFault(Exception):
    """The connection cannot go on: GOAWAY with `code`, then the end (RFC 9113 §5.4.1)."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class StreamFault(NamedTuple):
    """One stream cannot go on: RST_STREAM with `code` (RFC 9113 §5.4.2)."""

    stream: int
    code: Code
    why: str


class Headers(NamedTuple):
    """A whole header block. `fault`: what else was wrong with it; it must be decoded all the same (§4.3)."""

    stream: int
    block: bytes
    end_stream: bool
    fault: StreamFault | None = None


class Data(NamedTuple):
    """A piece of a body. `counted`: bytes that count for flow control, padding included."""

    stream: int
    data: bytes
    counted: int
    end_stream: bool


class Reset(NamedTuple):
    """The viewer cancelled a stream."""

    stream: int
    code: int


class Settings(NamedTuple):
    """Settings of the viewer, in the order that they apply in."""

    values: tuple[tuple[int, int], ...]


class SettingsAck(NamedTuple):
    """The viewer has applied ours."""


class Ping(NamedTuple):
    """A ping; to be sent back, unless it is the answer to one."""

    data: bytes
    ack: bool


class GoAway(NamedTuple):
    """The viewer will open no more streams."""

    code: int


class WindowUpdate(NamedTuple):
    """Room for more bytes, on a stream or (0) on the connection."""

    stream: int
    increment: int


class Priority(NamedTuple):
    """The priorities of RFC 7540, which mean nothing any more (RFC 9113 §5.3.2)."""

    stream: int


class PriorityUpdate(NamedTuple):
    """A priority of RFC 9218."""

    stream: int
    field: bytes


class Ignored(NamedTuple):
    """A frame of an unknown type (§5.5)."""


Event = (
    Headers
    | Data
    | Reset
    | Settings
    | SettingsAck
    | Ping
    | GoAway
    | WindowUpdate
    | Priority
    | PriorityUpdate
    | Ignored
    | StreamFault
)


class FrameParser:
    """Events from bytes. `max_block`: bytes of a header block, over all of its frames."""

    def __init__(self, max_block: int) -> None:
        self._max_block = max_block
        self._rest = b""
        self._preface_left = PREFACE
        self._settled = False
        self._open: tuple[int, bool, StreamFault | None] | None = None
        self._block = bytearray()
        self._continuations = 0

    @property
    def in_frame(self) -> bool:
        """Whether a preface, frame or header block has begun and is not complete."""
        return bool(self._rest or self._open is not None or self._preface_left)

    @property
    def awaits_settings(self) -> bool:
        """Whether the viewer has sent no SETTINGS yet, which must come first (§3.4)."""
        return not self._settled

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that are complete now. Raises ConnectionFault at the first frame that ends the connection."""
        if self._preface_left:
            data = self._check_preface(data)
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, size = 0, len(data)
        while size - at >= FRAME_HEAD_BYTES:
            length = int.from_bytes(data[at : at + 3], "big")
            if length > MAX_FRAME_BYTES:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            stop = at + FRAME_HEAD_BYTES + length
            if stop > size:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5 : at + 9], "big") & MAX_WINDOW
            payload = data[at + FRAME_HEAD_BYTES : stop]
            at = stop
            event = self._read(kind, flags, stream, payload)
            if event is not None:
                yield event
        self._rest = data[at:]

    def _check_preface(self, data: bytes) -> bytes:
        expected = self._preface_left
        if not data.startswith(expected[: len(data)]):
            raise ConnectionFault(Code.PROTOCOL_ERROR, "no connection preface")
        self._preface_left = expected[len(data) :]
        return data[len(expected) :]

    def _read(self, kind: int, flags: int, stream: int, payload: bytes) -> Event | None:
        if not self._settled:
            if kind != Kind.SETTINGS or flags & ACK:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._settled = True
        if self._open is not None and kind != Kind.CONTINUATION:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "another frame within a header block")
        read = _READERS.get(kind)
        return read(self, flags, stream, payload) if read is not None else Ignored()

    # -- header blocks -----------------------------------------------------------------------------------------

    def _read_headers(self, flags: int, stream: int, payload: bytes) -> Event | None:
        if not stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "HEADERS on stream 0")
        block, fault = payload, None
        if flags & PADDED:
            block = _without_padding(payload)
        if flags & WITH_PRIORITY:
            if len(block) < 5:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "HEADERS without its priority")
            if int.from_bytes(block[:4], "big") & MAX_WINDOW == stream:
                fault = StreamFault(stream, Code.PROTOCOL_ERROR, "the stream depends on itself")
            block = block[5:]
        if flags & END_HEADERS:
            return Headers(stream, block, bool(flags & END_STREAM), fault)
        self._open = stream, bool(flags & END_STREAM), fault
        self._block[:] = block
        self._continuations = 0
        return None

    def _read_continuation(self, flags: int, stream: int, payload: bytes) -> Event | None:
        if self._open is None or stream != self._open[0]:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "CONTINUATION of no header block")
        self._continuations += 1
        self._block += payload
        if self._continuations > MAX_CONTINUATIONS or len(self._block) > self._max_block:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "a header block too large")
        if not flags & END_HEADERS:
            return None
        (stream, end_stream, fault), self._open = self._open, None
        block = bytes(self._block)
        self._block = bytearray()
        return Headers(stream, block, end_stream, fault)

    # -- the others --------------------------------------------------------------------------------------------

    def _read_data(self, flags: int, stream: int, payload: bytes) -> Event:
        if not stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "DATA on stream 0")
        data = _without_padding(payload) if flags & PADDED else payload
        return Data(stream, data, len(payload), bool(flags & END_STREAM))

    def _read_priority(self, flags: int, stream: int, payload: bytes) -> Event:
        del flags
        if not stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != 5:
            return StreamFault(stream, Code.FRAME_SIZE_ERROR, "PRIORITY of another size than 5")
        if int.from_bytes(payload[:4], "big") & MAX_WINDOW == stream:
            return StreamFault(stream, Code.PROTOCOL_ERROR, "the stream depends on itself")
        return Priority(stream)

    def _read_reset(self, flags: int, stream: int, payload: bytes) -> Event:
        del flags
        if not stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "RST_STREAM on stream 0")
        _expect_size(payload, 4, "RST_STREAM")
        return Reset(stream, int.from_bytes(payload, "big"))

    def _read_settings(self, flags: int, stream: int, payload: bytes) -> Event:
        if stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & ACK:
            _expect_size(payload, 0, "SETTINGS ACK")
            return SettingsAck()
        if len(payload) % 6:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "SETTINGS of a size that is no multiple of 6")
        if len(payload) > 6 * MAX_SETTINGS:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, f"more than {MAX_SETTINGS} settings in a frame")
        values = tuple(struct.iter_unpack("!HI", payload))
        for name, value in values:
            _check_setting(name, value)
        return Settings(values)

    def _read_push_promise(self, flags: int, stream: int, payload: bytes) -> Event:
        del flags, stream, payload
        raise ConnectionFault(Code.PROTOCOL_ERROR, "PUSH_PROMISE from a viewer")

    def _read_ping(self, flags: int, stream: int, payload: bytes) -> Event:
        if stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PING on a stream")
        _expect_size(payload, 8, "PING")
        return Ping(payload, bool(flags & ACK))

    def _read_goaway(self, flags: int, stream: int, payload: bytes) -> Event:
        del flags
        if stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "GOAWAY of fewer than 8 bytes")
        return GoAway(int.from_bytes(payload[4:8], "big"))

    def _read_window_update(self, flags: int, stream: int, payload: bytes) -> Event:
        del flags
        _expect_size(payload, 4, "WINDOW_UPDATE")
        increment = int.from_bytes(payload, "big") & MAX_WINDOW
        if increment:
            return WindowUpdate(stream, increment)
        if stream:
            return StreamFault(stream, Code.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        raise ConnectionFault(Code.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")

    def _read_priority_update(self, flags: int, stream: int, payload: bytes) -> Event:
        del flags
        if stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY_UPDATE on a stream")
        if len(payload) < 4:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "PRIORITY_UPDATE of fewer than 4 bytes")
        prioritised = int.from_bytes(payload[:4], "big") & MAX_WINDOW
        if not prioritised:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY_UPDATE of stream 0")
        return PriorityUpdate(prioritised, payload[4:])


def _without_padding(payload: bytes) -> bytes:
    if not payload:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, "a padded frame without its padding's length")
    padding = payload[0]
    if padding >= len(payload):
        raise ConnectionFault(Code.PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - padding]


def _expect_size(payload: bytes, size: int, kind: str) -> None:
    if len(payload) != size:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"{kind} of another size than {size}")


def _check_setting(name: int, value: int) -> None:
    if name == Setting.INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
        raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE above the largest window")
    wrong = (name in (Setting.ENABLE_PUSH, Setting.NO_RFC7540_PRIORITIES) and value > 1) or (
        name == Setting.MAX_FRAME_SIZE and not MAX_FRAME_BYTES <= value < 2**24
    )
    if wrong:
        raise ConnectionFault(Code.PROTOCOL_ERROR, f"{Setting(name).name} of {value}")


_READERS: dict[int, Callable[[FrameParser, int, int, bytes], Event | None]] = {
    Kind.DATA: FrameParser._read_data,
    Kind.HEADERS: FrameParser._read_headers,
    Kind.PRIORITY: FrameParser._read_priority,
    Kind.RST_STREAM: FrameParser._read_reset,
    Kind.SETTINGS: FrameParser._read_settings,
    Kind.PUSH_PROMISE: FrameParser._read_push_promise,
    Kind.PING: FrameParser._read_ping,
    Kind.GOAWAY: FrameParser._read_goaway,
    Kind.WINDOW_UPDATE: FrameParser._read_window_update,
    Kind.CONTINUATION: FrameParser._read_continuation,
    Kind.PRIORITY_UPDATE: FrameParser._read_priority_update,
}

# -- frames of ours ------------------------------------------------------------------------------------------------

_HEAD = struct.Struct("!HBBBI")
_WORD = struct.Struct("!I")


def frame_head(kind: Kind, flags: int, stream: int, length: int) -> bytes:
    """The nine bytes before a payload of this length."""
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream)


def headers_frames(stream: int, block: bytes, *, end_stream: bool, max_frame: int) -> bytes:
    """HEADERS with this block, and CONTINUATION as far as one frame cannot hold it."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame:
        return frame_head(Kind.HEADERS, flags | END_HEADERS, stream, len(block)) + block
    pieces = [block[at : at + max_frame] for at in range(0, len(block), max_frame)]
    made = frame_head(Kind.HEADERS, flags, stream, len(pieces[0])) + pieces[0]
    for number, piece in enumerate(pieces[1:], 2):
        last = END_HEADERS if number == len(pieces) else 0
        made += frame_head(Kind.CONTINUATION, last, stream, len(piece)) + piece
    return made


def settings_frame(values: dict[Setting, int]) -> bytes:
    """SETTINGS with these values."""
    payload = b"".join(struct.pack("!HI", name, value) for name, value in values.items())
    return frame_head(Kind.SETTINGS, 0, 0, len(payload)) + payload


SETTINGS_ACK = frame_head(Kind.SETTINGS, ACK, 0, 0)


def ping_ack(data: bytes) -> bytes:
    """The answer to a ping."""
    return frame_head(Kind.PING, ACK, 0, 8) + data


def reset_frame(stream: int, code: Code) -> bytes:
    """RST_STREAM."""
    return frame_head(Kind.RST_STREAM, 0, stream, 4) + _WORD.pack(code)


def goaway_frame(last: int, code: Code, why: str = "") -> bytes:
    """GOAWAY; streams up to `last` are or may be answered. `why`: for who debugs the viewer."""
    text = why.encode("ascii", "replace")[:128]
    return frame_head(Kind.GOAWAY, 0, 0, 8 + len(text)) + _WORD.pack(last) + _WORD.pack(code) + text


def window_update_frame(stream: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame_head(Kind.WINDOW_UPDATE, 0, stream, 4) + _WORD.pack(increment)
