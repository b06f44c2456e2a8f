"""CMCD as players send it, in both versions, and as they should not."""

from urllib.parse import quote

import pytest

from kernel.media.cmcd import MAX_BYTES, MAX_NEXT, NOTHING, Cmcd, Next, members, of_request, of_text


def test_version_1_in_the_query_as_hls_js_sends_it():
    told = (
        'bl=21300,br=3200,bs,cid="film",d=4004,dl=18500,mtp=25400,nor="00003.m4s",ot=v,sf=h,sid="6e2fb550-c457",st=v,su'
    )
    found = of_request(b"a=1&CMCD=" + quote(told).encode() + b"&b=2", {})
    assert found == Cmcd(
        "6e2fb550-c457", "film", "v", 21300, 18500, starved=True, startup=True, next=(Next("00003.m4s"),)
    )


def test_version_1_in_fields():
    fields = {
        b"cmcd-request": b'bl=4000,nor="..%2Fv1080%2F00004.m4s",nrr="0-99"',
        b"cmcd-session": b'sid="s1", cid="film"',
        b"cmcd-status": b"bs",
        b"host": b"h",
    }
    found = of_request(b"", fields)
    assert found.next == (Next("../v1080/00004.m4s", (0, 99)),)
    assert (found.session, found.content, found.buffer, found.starved) == ("s1", "film", 4000, True)


def test_version_2_has_inner_lists():
    found = of_text('v=2,bl=(4100 3900),nor=("a.m4s";r="0-10" "b.m4s" "c.m4s";r="5-"),sid="s"')
    assert found.buffer == 4100
    assert found.next == (Next("a.m4s", (0, 10)), Next("b.m4s"), Next("c.m4s", (5, None)))


def test_the_field_counts_after_the_query_and_the_last_of_equal_keys():
    assert of_request(b"CMCD=bl%3D1", {b"cmcd-request": b"bl=2"}).buffer == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a", [("a", True)]),
        ("a=?0,b=?1", [("a", False), ("b", True)]),
        ('a="x,y",b', [("a", "x,y"), ("b", True)]),
        (r'a="x\"y\\"', [("a", 'x"y\\')]),
        ('a="open,b', [("b", True)]),
        ("a=,b", [("b", True)]),
        ("A=1,b", [("b", True)]),
        (",,b", [("b", True)]),
        ("a=1 ,  b=2", [("a", "1"), ("b", "2")]),
        ("a=1;x=2,b", [("a", "1"), ("b", True)]),
        ("a=(1 2", []),
        ('a=(1;"x"),b', [("b", True)]),
        ("a=()", [("a", ())]),
        ("com.example-x=1", [("com.example-x", "1")]),
    ],
)
def test_what_can_be_read_is_read_and_the_rest_passed_over(text: str, found: list):
    assert list(members(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('nor="a",nrr="9-1"', (Next("a"),)),
        ('nor="a",nrr="x"', (Next("a"),)),
        ('nor="a",nrr="7-"', (Next("a", (7, None)),)),
        ('nrr="0-99"', ()),
        ('nor=""', ()),
        ("nor", ()),
        ("nor=(" + " ".join(['"a"'] * 50) + ")", (Next("a"),) * MAX_NEXT),
    ],
)
def test_next_objects(text: str, found: tuple):
    assert of_text(text).next == found


@pytest.mark.parametrize("text", ["bl=-1", "bl=1.5", "bl=x", "bl=99999999999", "bl", "bl=()"])
def test_a_number_that_is_none_counts_for_nothing(text: str):
    assert of_text(text).buffer is None


def test_nothing_and_too_much_count_for_nothing():
    assert of_request(b"", {}) is NOTHING
    assert of_request(b"a=1", {}) is NOTHING
    assert of_request(b"CMCD=" + b"a" * (MAX_BYTES + 1), {b"cmcd-object": b"b" * (MAX_BYTES + 1)}) is NOTHING


def test_a_long_or_unprintable_session_is_cut_or_dropped():
    assert len(of_text(f'sid="{"x" * 500}"').session) == 64
    assert of_text('sid="a\x07b"').session == ""
