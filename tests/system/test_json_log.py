"""Lines of the log: JSON, whatever a request had in it."""

import json

import pytest

from system.json_log import encode_line


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "request", "path": "/é"}, {"event": "request", "path": "/é"}),
        ({"path": "/\udcff"}, {"path": "/\udcff"}),
        ({"why": ValueError("x")}, {"why": "ValueError('x')"}),
        ({"why": ValueError("x"), "path": "/\udcff"}, {"why": "ValueError('x')", "path": "/\udcff"}),
    ],
)
def test_a_line_is_one_json_object(fields, expected):
    line = encode_line(fields)
    assert b"\n" not in line
    assert json.loads(line) == expected
