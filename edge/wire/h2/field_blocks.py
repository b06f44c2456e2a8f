"""Header fields and their blocks (HPACK, RFC 7541): heads of responses to blocks, blocks of requests to fields. Pure.

A response's block is made once for each head, as literals that are not indexed, so one block serves all connections.
A request's block is decoded by `hpack`, unless it differs from an earlier one only in the name of a file: players send
`:path` as a literal that is not indexed, and everything else by index. Such a block changes no table, so it has the
same fields as before as long as no other block changed it. `PathTemplate` recognises it by two comparisons and decodes
only the name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hpack import Decoder, HPACKError, OversizedHeaderListError
from hpack.huffman_constants import REQUEST_CODES_LENGTH
from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE
from hpack.table import HeaderTable

from edge.wire.h2.frames import Code, ConnectionFault

MAX_BLOCKS_KEPT = 2048
"""Blocks of responses that are kept; a hit's head is the same object for a second."""
MAX_TABLE_BYTES = 4096
"""Of the dynamic table of one connection's requests, the protocol's default."""
_STATIC = {name: index for index, (name, _) in reversed(list(enumerate(HeaderTable.STATIC_TABLE, 1)))}
_STATUS = {value: index for index, (name, value) in enumerate(HeaderTable.STATIC_TABLE, 1) if name == b":status"}
_HTTP1_ONLY = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"http2-settings")
)
_NEVER_INDEXED = frozenset((b"set-cookie", b"authorization", b"proxy-authorization"))
"""Fields that no proxy behind us may put into a table either (RFC 7541 §7.1.3)."""


class Block(NamedTuple):
    """A response's head: its status and its field block."""

    status: int
    block: bytes


@lru_cache(maxsize=MAX_BLOCKS_KEPT)
def block_of(head: bytes) -> Block:
    """The block of a head as HTTP/1.1 has it, from the status line to the empty line."""
    lines = head.split(b"\r\n")
    status = lines[0][9:12]
    index = _STATUS.get(status)
    pieces = [bytes((0x80 | index,)) if index else b"\x08\x03" + status]
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if colon and name not in _HTTP1_ONLY:
            pieces.append(_literal(name, value.strip(b" \t")))
    return Block(int(status), b"".join(pieces))


def _literal(name: bytes, value: bytes) -> bytes:
    first = 0x10 if name in _NEVER_INDEXED else 0
    index = _STATIC.get(name)
    if index is None:
        named = bytes((first,)) + _length(len(name)) + name
    elif index < 15:
        named = bytes((first | index,))
    else:
        named = bytes((first | 15, index - 15))
    return named + _length(len(value)) + value


def _length(number: int) -> bytes:
    """The length of a string that is not Huffman-coded (RFC 7541 §5.1, §5.2)."""
    if number < 127:
        return bytes((number,))
    made, number = bytearray((127,)), number - 127
    while number >= 128:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


class FieldDecoder:
    """Decodes the blocks of one connection, in their order. `max_fields_bytes`: of one decoded block, with 32 bytes
    more for each field (RFC 9113 §6.5.2)."""

    def __init__(self, max_fields_bytes: int) -> None:
        self._decoder = Decoder(max_header_list_size=max_fields_bytes)

    def decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """The fields. Raises ConnectionFault: after an error both ends' tables may differ."""
        try:
            return [(name, value) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError:
            # `hpack` stops there, so its table may lack what follows.
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "header fields too large") from None
        except (HPACKError, IndexError) as error:
            raise ConnectionFault(Code.COMPRESSION_ERROR, str(error)) from None


class PathLiteral(NamedTuple):
    """Where `:path` is in a block: its length, its value; and whether that is Huffman-coded."""

    length_at: int
    first: int
    stop: int
    huffman: bool


def find_path(block: bytes) -> PathLiteral | None:
    """The `:path` of a block that has it as a literal, not indexed, and all else by index; None for any other block.

    Only a block that is found here changes nothing in the table.
    """
    found, at, size = None, 0, len(block)
    while at < size:
        byte = block[at]
        at += 1
        if byte & 0x80:
            if byte == 0xFF:
                return None  # an index of several bytes: rare
        elif found is None and byte in (0x04, 0x05, 0x14, 0x15):
            found = _string_at(block, at)
            if found is None:
                return None
            at = found.stop
        else:
            return None
    return found if at == size else None


def _string_at(block: bytes, at: int) -> PathLiteral | None:
    """The string literal that begins there with its length; None if it is cut or absurdly long."""
    size, length_at = len(block), at
    if at >= size:
        return None
    huffman, length = bool(block[at] & 0x80), block[at] & 0x7F
    at += 1
    if length == 127:
        shift = 0
        while True:
            if at >= size or shift > 14:
                return None
            length += (block[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not block[at - 1] & 0x80:
                break
    return PathLiteral(length_at, at, at + length, huffman) if at + length <= size else None


class PathTemplate:
    """Blocks that are like one that was decoded, except for the file name at the end of `:path`. Valid until a block
    changes the connection's table."""

    __slots__ = ("_begin", "_end", "_folder", "_huffman", "_rest", "_state")

    def __init__(self, block: bytes, at: PathLiteral, folder: bytes) -> None:
        value = block[at.first : at.stop]
        self._begin = block[: at.length_at]
        self._end = block[at.stop :]
        self._huffman = at.huffman
        if at.huffman:
            self._state, taken, decoded = _decode_folder(folder, value)
        else:
            self._state, taken, decoded = 0, len(folder), len(folder)
        self._folder = value[:taken]
        self._rest = folder[decoded:]

    def name_in(self, block: bytes) -> bytes | None:
        """The file's name in a block of this template; None if it is not one. The name is not checked."""
        begin, end, folder = self._begin, self._end, self._folder
        if not block.startswith(begin) or not block.endswith(end):
            return None
        at = _string_at(block, len(begin))
        if at is None or at.stop + len(end) != len(block) or at.huffman is not self._huffman:
            return None
        if not block.startswith(folder, at.first, at.stop):
            return None
        name = block[at.first + len(folder) : at.stop]
        if not at.huffman:
            return name
        decoded = _decode_from(self._state, name)
        # The folder may end within a byte, so its last characters are decoded with the name.
        if decoded is None or not decoded.startswith(self._rest):
            return None
        return decoded[len(self._rest) :]


def _decode_folder(folder: bytes, coded: bytes) -> tuple[int, int, int]:
    """Decode the bytes that hold nothing but the folder: (state after them, how many, how much of the folder)."""
    whole = sum(REQUEST_CODES_LENGTH[byte] for byte in folder) // 8
    state = decoded = 0
    for byte in coded[:whole]:
        for nibble in (byte >> 4, byte & 15):
            state, flags, _ = HUFFMAN_TABLE[state * 16 + nibble]
            decoded += bool(flags & HUFFMAN_EMIT_SYMBOL)
    return state, whole, decoded


def _decode_from(state: int, coded: bytes) -> bytes | None:
    """The text of Huffman-coded bytes, from a state within a string to its end; None if that is not valid."""
    made, flags, table = bytearray(), HUFFMAN_COMPLETE, HUFFMAN_TABLE
    for byte in coded:
        state, flags, symbol = table[state * 16 + (byte >> 4)]
        if flags & HUFFMAN_EMIT_SYMBOL:
            made.append(symbol)
        elif flags & HUFFMAN_FAIL:
            return None
        state, flags, symbol = table[state * 16 + (byte & 15)]
        if flags & HUFFMAN_EMIT_SYMBOL:
            made.append(symbol)
        elif flags & HUFFMAN_FAIL:
            return None
    return bytes(made) if flags & HUFFMAN_COMPLETE else None
