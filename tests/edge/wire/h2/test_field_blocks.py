"""Blocks: another decoder reads ours, and a template reads a block as the decoder does."""

from __future__ import annotations

import pytest
from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as some

from edge.wire.h2.field_blocks import FieldDecoder, PathTemplate, block_of, find_path
from edge.wire.h2.frames import Code, ConnectionFault

FOLDER = "/t/eyJhbGciOiJFZERTQSJ9.eyJleHAiOjF9.c2lnbmF0dXJl_-/cdn/eu/title1/v720/"


def test_a_head_is_the_block_that_says_the_same() -> None:
    head = (
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: video/mp4\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"Cache-Status: e1; hit\r\nX-Long: %b\r\nSet-Cookie: a=b\r\nEmpty:\r\n\r\n" % (b"v" * 300)
    )
    status, block = block_of(head)
    assert (status, Decoder().decode(block, raw=True)) == (
        206,
        [
            (b":status", b"206"), (b"content-type", b"video/mp4"), (b"cache-status", b"e1; hit"),
            (b"x-long", b"v" * 300), (b"set-cookie", b"a=b"), (b"empty", b""),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("status", [100, 200, 204, 299, 404, 451, 503])
def test_each_status_is_said(status: int) -> None:
    found = block_of(b"HTTP/1.1 %d Why not\r\n\r\n" % status)
    assert (found.status, Decoder().decode(found.block, raw=True)) == (status, [(b":status", b"%d" % status)])


def test_one_block_serves_every_connection_and_leaves_no_trace() -> None:
    """It is made once, so it must not depend on a table, nor change one."""
    decoder = Decoder()
    block = block_of(b"HTTP/1.1 200 OK\r\nX-A: b\r\nDate: c\r\n\r\n").block
    assert decoder.decode(block) == decoder.decode(block)
    assert len(decoder.header_table.dynamic_entries) == 0


def blocks(paths: list[str], *, huffman: bool = True) -> list[bytes]:
    """What a player sends for these paths: everything by index, `:path` as a literal that is not indexed."""
    encoder = Encoder()
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", "edge.example"), ("user-agent", "player 1")]
    encoder.encode(fields)
    made = []
    for path in paths:
        rest = encoder.encode(fields, huffman=huffman)
        named = b"\x10\x81\xf3" if huffman else b"\x10\x01x"
        value = Encoder().encode([(b"x", path.encode(), True)], huffman=huffman).removeprefix(named)
        made.append(rest[:2] + b"\x04" + value + rest[2:])
    return made


NAMES = some.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=1, max_size=20)


@pytest.mark.parametrize("huffman", [True, False])
@settings(max_examples=60, deadline=None)
@given(first=NAMES, second=NAMES, folder=some.one_of(some.just(FOLDER), NAMES.map(lambda name: f"/{name}/")))
def test_a_template_reads_what_the_decoder_reads(huffman: bool, first: str, second: str, folder: str) -> None:
    learnt, seen = blocks([folder + first, folder + second], huffman=huffman)
    at = find_path(learnt)
    assert at is not None
    assert at.huffman == huffman
    template = PathTemplate(learnt, at, folder.encode())
    assert template.name_in(learnt) == first.encode()
    assert template.name_in(seen) == second.encode()


@settings(max_examples=60, deadline=None)
@given(name=NAMES, other=NAMES, first=NAMES)
def test_a_template_never_reads_another_folder(name: str, other: str, first: str) -> None:
    learnt, seen = blocks([f"/a/{first}/{name}", f"/a/{other}/{name}"])
    at = find_path(learnt)
    assert at is not None
    found = PathTemplate(learnt, at, f"/a/{first}/".encode()).name_in(seen)
    assert found == (name.encode() if other == first else None)


@pytest.mark.parametrize(
    "block",
    [
        b"\x82\x87\x84\x41\x01a",  # `:authority` goes into the table
        b"\x82\x04\x01/\x04\x01/",  # two paths
        b"\x20\x82\x04\x01/",  # the table changes its size
        b"\x82\x04\x09/",  # cut
        b"\x82\x04",
        b"\x82\x04\x7f\x80\x80\x80\x80\x01/",  # absurdly long
        b"\x82\x00\x01a\x01b\x04\x01/",  # another literal
        b"\x82\x84",  # a path by index
        b"\x82\xff\x01\x04\x01/",  # an index of several bytes
    ],
)
def test_a_block_that_may_change_the_table_or_decide_more_has_no_template(block: bytes) -> None:
    assert find_path(block) is None


def test_a_bad_string_behind_a_good_folder_is_no_name() -> None:
    learnt = blocks(["/aaaaaaaa/bbbbbbbb"])[0]
    at = find_path(learnt)
    assert at is not None
    template = PathTemplate(learnt, at, b"/aaaaaaaa/")
    assert template.name_in(learnt[: at.stop - 2] + b"\xff\xff" + learnt[at.stop :]) is None


def test_what_cannot_be_decoded_ends_the_connection() -> None:
    with pytest.raises(ConnectionFault) as told:
        FieldDecoder(1000).decode(b"\x80")
    assert told.value.code is Code.COMPRESSION_ERROR
    with pytest.raises(ConnectionFault) as told:
        FieldDecoder(1000).decode(b"\x82" * 100)
    assert told.value.code is Code.ENHANCE_YOUR_CALM
