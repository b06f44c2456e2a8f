"""Answers by name and place; conditions and ranges over HTTP are in test_app."""

import pytest

from origin.serve.response import choose_response, content_type, surrogate_keys
from origin.storage.published_index import PublishedObject


def found(path, size=100):
    return PublishedObject("t1", path, "key", size, b'"e"', b"Sun, 22 Nov 2026 10:00:00 GMT", "/" in path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("manifest-hd.mpd", "application/dash+xml"),
        ("v720-2/00001.m4s", "video/iso.segment"),
        ("v720/init.mp4", "video/mp4"),
        ("a_eng/init.mp4", "audio/mp4"),
        ("a_eng-2/00001.m4s", "audio/mp4"),
        ("t_eng/00001.m4s", "application/mp4"),
        ("thumbs/poster.jpg", "image/jpeg"),
        ("thumbs/thumbnails.vtt", "text/vtt; charset=utf-8"),
        ("ts/v720/00001.ts", "video/mp2t"),
        ("x", "application/octet-stream"),
    ],
)
def test_content_type(path, kind):
    """By ending, sound by its folder."""
    assert content_type(path) == kind


def test_surrogate_keys_name_title_and_rendition():
    """What a purge of a title or of one rendition names."""
    assert surrogate_keys(found("v720-2/00001.m4s")) == "t1 t1/v720-2"
    assert surrogate_keys(found("master.m3u8")) == "t1 t1/top"


@pytest.mark.parametrize(
    ("method", "asked", "status", "body"),
    [
        ("GET", b"bytes=10-19", 206, (10, 20)),
        ("GET", b"bytes=90-500", 206, (90, 100)),
        ("GET", b"bytes=100-", 416, None),
        ("GET", b"bytes=1-2,4-5", 200, (0, 100)),
        ("GET", b"bytes=2-1", 200, (0, 100)),
        ("GET", b"chapters=1", 200, (0, 100)),
        ("HEAD", b"bytes=0-1", 200, (0, 100)),
    ],
)
def test_ranges(method, asked, status, body):
    """Which bytes follow."""
    given = choose_response(method, {b"range": asked}, found("v720/00001.m4s"))
    assert (given.status, given.body) == (status, body)


def test_a_failed_precondition_comes_first():
    """412 before 304 and ranges (RFC 9110 13.2.2)."""
    fields = {b"if-match": b'"x"', b"if-none-match": b'"e"', b"range": b"bytes=0-1"}
    assert choose_response("GET", fields, found("v720/00001.m4s")).status == 412
