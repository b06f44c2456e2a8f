"""Lines of a trace."""

import io

import pytest

from tools.replay.trace import MAX_LINE_LENGTH, LineError, read_trace


def read(text):
    return list(read_trace(io.BytesIO(text)))


@pytest.mark.parametrize(
    "line",
    [b"0,a,10\n", b"0,a,10", b"1.5,a,10\r\n", b" 1 , a , 10 \n", b"-3,a,10\n", b"1e3,a,10\n", b"\xef\xbb\xbf0,a,10\n",
     b"1.,a,0000000000000000000010\n"],
)  # fmt: skip
def test_a_request(line):
    assert read(line) == [(b"a", 10)]


def test_ids_are_any_bytes():
    assert read("0,/cdn/eu/é b,1\n".encode()) == [("/cdn/eu/é b".encode(), 1)]


@pytest.mark.parametrize(
    "header", [b"time,obj_id,obj_size\n", b"Time, Obj_ID, Obj_Size\r\n", b"\xef\xbb\xbftime,obj_id,obj_size\n"]
)
def test_a_header_and_empty_lines_are_passed_over(header):
    assert read(header + b"\n0,a,1\n  \n1,b,2\n\n") == [(b"a", 1), (b"b", 2)]


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        (b"noon,a,1", "time", "'noon' is not a number of seconds"),
        (b"nan,a,1", "time", "'nan' is not"),
        (b",a,1", "time", "'' is not"),
        (b"1_0,a,1", "time", "'1_0' is not"),
        (b"0,,1", "obj_id", "is empty"),
        (b"0,a,", "obj_size", "'' is not a whole number of bytes"),
        (b"0,a,-1", "obj_size", "'-1' is not"),
        (b"0,a,1.5", "obj_size", "'1.5' is not"),
        (b"0,a,\xff", "obj_size", "is not"),
        (b"0,a,1000000000000000", "obj_size", "is not a valid size of an object"),
        (b"0,a," + b"9" * 4000, "obj_size", "…' is not a valid size of an object"),
        (b"0,a", "", "has 2 fields instead of three: time,obj_id,obj_size"),
        (b"0,a,1,2", "", "has 4 fields"),
        (b"a", "", "has 1 field instead"),
        (b"time,obj_id,obj_size", "time", "'time' is not"),
    ],
)
def test_a_bad_line_is_told_by_number_and_field(line, field, why):
    good, bad, after = read(b"0,a,1\n" + line + b"\n0,b,1\n")
    assert (good, after) == ((b"a", 1), (b"b", 1))
    assert (bad.line, bad.field) == (2, field)
    assert why in str(bad)


def test_a_line_without_an_end_is_read_past_in_pieces():
    first, bad, after = read(b"0,a,1\n" + b"x" * (3 * MAX_LINE_LENGTH) + b"\n1,b,2\n")
    assert bad == LineError(2, "", f"is longer than {MAX_LINE_LENGTH} bytes")
    assert (first, after) == ((b"a", 1), (b"b", 2))
    assert read(b"y" * MAX_LINE_LENGTH) == [LineError(1, "", f"is longer than {MAX_LINE_LENGTH} bytes")]


def test_a_line_of_just_the_most_is_whole():
    name = b"n" * (MAX_LINE_LENGTH - len(b"0,,1\n"))
    assert read(b"0," + name + b",1\n") == [(name, 1)]
