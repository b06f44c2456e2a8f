"""`matinee origin verify`, as an operator runs it."""

import json

import pytest

from kernel.errors import BadRequest
from kernel.settings.store_address import StoreAddress
from origin.verify.command import VerifySettings, run
from tests.doubles.object_store import stored_file


def settings(store, **more):
    return VerifySettings(StoreAddress(folder=store), None, None, None, None, **({"format": "text"} | more))


def test_a_whole_title(published, capsys):
    """Exit code 0, and a line that says what was verified."""
    store, title = published
    assert run(settings(store), title.content_id) == 0
    assert "film1: publication 1, " in (printed := capsys.readouterr().out)
    assert "whole (record, objects, hls, dash, timeline, gop, encryption, transport-stream)" in printed


def test_a_damaged_title(published, capsys):
    """Exit code 1, a line for each finding; as JSON for programs."""
    store, title = published
    file = stored_file(store, title.content_id, "v240/00001.m4s")
    before = file.read_bytes()
    file.write_bytes(before[:-1] + b"x")
    try:
        assert run(settings(store), title.content_id) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("objects: v240/00001.m4s: its content is not that which was published")
        assert lines[-1].endswith(": 1 finding")
        assert run(settings(store, format="json"), title.content_id) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["contentId"], told["whole"]) == ("film1", False)
        assert told["findings"][0]["path"] == "v240/00001.m4s"
    finally:
        file.write_bytes(before)


def test_what_is_no_title(published):
    store, _ = published
    with pytest.raises(BadRequest, match="no title other is published"):
        run(settings(store), "other")
    with pytest.raises(BadRequest, match="is not a contentId"):
        run(settings(store), "../x")
