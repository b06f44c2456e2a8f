"""Access-log lines in bulk: three forms of a body, no addresses, and the number of a line that is none."""

import json

import pytest

from services.events.log_lines import MAX_LOG_LINES, read_log_lines

LINE = {"time": 1.5, "session": "s1", "address": "192.0.2.7", "path": "/cdn/eu/f/1.m4s", "status": 200}
KEPT = {name: value for name, value in LINE.items() if name != "address"}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([LINE, LINE]),
        json.dumps({"logs": [LINE, LINE]}),
        json.dumps(LINE) + "\n\n" + json.dumps(LINE) + "\n",
    ],
)
def test_three_forms_of_a_body(body):
    batch = read_log_lines(body.encode())
    assert (batch.count, batch.sessions, batch.rejected) == (2, ("s1",), ())
    assert [json.loads(line) for line in batch.body.split(b"\n")] == [KEPT, KEPT]


def test_one_object_is_one_line_and_no_session_is_none():
    batch = read_log_lines(json.dumps(LINE | {"session": None}).encode())
    assert (batch.count, batch.sessions) == (1, ())


def test_a_line_that_is_no_object_is_named_and_the_others_are_kept():
    batch = read_log_lines(json.dumps(LINE).encode() + b"\nnot json\n[1]")
    assert batch.count == 1
    assert [one.number for one in batch.rejected] == [2, 3]


@pytest.mark.parametrize("body", [b"", b"[]", b"[1", b'{"logs": 5}', b"{}\n" * (MAX_LOG_LINES + 1)])
def test_a_body_without_lines_or_with_too_many_is_refused(body):
    with pytest.raises(ValueError, match=r"log lines|list of"):
        read_log_lines(body)
