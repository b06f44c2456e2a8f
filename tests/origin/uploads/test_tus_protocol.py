"""tus 1.0.0 as its text says, request by request."""

import base64
import hashlib

import pytest
from multidict import CIMultiDict

from origin.uploads.tus_protocol import (
    Checksum,
    Chunk,
    TusRefusal,
    check_offset,
    check_version,
    effective_method,
    format_metadata,
    option_fields,
    parse_metadata,
    read_chunk,
    read_creation,
    state_fields,
)

SHA1 = hashlib.sha1(b"x").digest()
CHUNK = {"Content-Type": "application/offset+octet-stream"}


def text(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("fields", "has_body", "status"),
    [
        ({}, False, 400),
        ({"Upload-Length": "5", "Upload-Defer-Length": "1"}, False, 400),
        ({"Upload-Defer-Length": "2"}, False, 400),
        ({"Upload-Length": "-1"}, False, 400),
        ({"Upload-Length": "5.0"}, False, 400),
        ({"Upload-Length": "٥"}, False, 400),
        ({"Upload-Length": "101"}, False, 413),
        ({"Upload-Length": "5"}, True, 415),
        ({"Upload-Length": "5", "Content-Type": "application/json"}, True, 415),
        ({"Upload-Length": "5", "Upload-Concat": "partial"}, False, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a !"}, False, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, False, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a /w=="}, False, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a " + "A" * 9000}, False, 400),
        ({"Upload-Length": "5", "Upload-Checksum": "md4 YQ=="}, False, 400),
        ({"Upload-Length": "5", "Upload-Checksum": "sha1 YQ=="}, False, 400),
    ],
)
def test_creations_that_are_refused(fields, has_body, status):
    with pytest.raises(TusRefusal) as refused:
        read_creation(CIMultiDict(fields), 100, has_body=has_body)
    assert refused.value.status == status


def test_creations():
    fields = {"upload-length": "100", "Upload-Metadata": f"filename {text('fïlm.mp4'.encode())},private"}
    made = read_creation(CIMultiDict(fields), 100, has_body=False)
    assert (made.length, made.metadata) == (100, {"filename": "fïlm.mp4", "private": ""})
    deferred = read_creation(CIMultiDict({"Upload-Defer-Length": "1"} | CHUNK), 100, has_body=True)
    assert (deferred.length, deferred.has_body) == (None, True)
    checked = {"Upload-Length": "0", "Upload-Checksum": f"sha1 {text(SHA1)}"}
    assert read_creation(CIMultiDict(checked), 100, has_body=False).checksum == Checksum("sha1", SHA1)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 415),
        ({"Content-Type": "application/octet-stream", "Upload-Offset": "0"}, 415),
        (CHUNK, 400),
        (CHUNK | {"Upload-Offset": "x"}, 400),
        (CHUNK | {"Upload-Offset": "0", "Upload-Length": "101"}, 413),
    ],
)
def test_chunks_that_are_refused(fields, status):
    with pytest.raises(TusRefusal) as refused:
        read_chunk(CIMultiDict(fields), 100)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("received", "length", "chunk", "content_length", "status"),
    [
        (5, 10, Chunk(5, None, None), 5, None),
        (5, 10, Chunk(5, None, None), None, None),
        (5, 10, Chunk(5, 10, None), 5, None),
        (10, 10, Chunk(10, None, None), 0, None),
        (5, None, Chunk(5, 10, None), 5, None),
        (5, 10, Chunk(4, None, None), 5, 409),
        (5, 10, Chunk(6, None, None), 1, 409),
        (5, 10, Chunk(5, None, None), 6, 413),
        (5, 10, Chunk(5, 11, None), 5, 400),
        (5, None, Chunk(5, 4, None), 0, 400),
        (5, None, Chunk(5, None, None), 96, 413),
    ],
)
def test_offsets(received, length, chunk, content_length, status):
    """A conflict names the right offset, so that the client need not ask again."""
    if status is None:
        assert check_offset(received, length, chunk, content_length, 100) == 10 if length or chunk.length else 100
        return
    with pytest.raises(TusRefusal) as refused:
        check_offset(received, length, chunk, content_length, 100)
    assert refused.value.status == status
    assert status != 409 or refused.value.fields == {"Upload-Offset": "5"}


@pytest.mark.parametrize("given", [None, "", "0.2.2", "1.0.0 "])
def test_another_version_is_refused_with_ours(given):
    with pytest.raises(TusRefusal) as refused:
        check_version(given)
    assert (refused.value.status, refused.value.fields) == (412, {"Tus-Version": "1.0.0"})
    check_version("1.0.0")


def test_what_the_server_can():
    fields = option_fields(100)
    assert fields["Tus-Max-Size"] == "100"
    assert {"creation", "checksum", "expiration", "termination"} <= set(fields["Tus-Extension"].split(","))
    assert "sha1" in fields["Tus-Checksum-Algorithm"].split(",")


def test_the_state_of_an_upload():
    assert state_fields(5, None, None) == {"Upload-Offset": "5", "Upload-Defer-Length": "1"}
    assert state_fields(5, 9, 0.0) == {
        "Upload-Offset": "5",
        "Upload-Length": "9",
        "Upload-Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    }


def test_metadata_survives_the_round_trip():
    metadata = {"filename": "a, b ü.mp4", "empty": ""}
    assert parse_metadata(format_metadata(metadata)) == metadata
    assert parse_metadata(" ") == {}


def test_clients_that_cannot_send_patch():
    assert effective_method("POST", "patch") == "PATCH"
    assert effective_method("HEAD", None) == "HEAD"
