"""The one normaliser: what two programs could read in two ways is refused, what is equal becomes equal bytes."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.http.paths import (
    CdnPath,
    CdnTarget,
    Target,
    normal_name,
    normalise,
    normalise_any,
    read_path_anew,
    read_target,
    split_cdn,
    split_token,
)
from kernel.vocabulary import Refusal


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/cdn/eu/a/v720/1.m4s", b"/cdn/eu/a/v720/1.m4s", b""),
        (b"/a/", b"/a/", b""),
        (b"/a?", b"/a", b""),
        (b"/a?CMCD=bl%3D100&x=/../y", b"/a", b"CMCD=bl%3D100&x=/../y"),
        (b"/%63dn/%7Euser/%2Dx", b"/cdn/~user/-x", b""),
        (b"/a%c3%a9", b"/a%C3%A9", b""),
        (b"/a%20b", b"/a%20b", b""),
        (b"/a%25b", b"/a%25b", b""),
        (b"/.well-known/x", b"/.well-known/x", b""),
        (b"/...", b"/...", b""),
        (b"/a..b/..c", b"/a..b/..c", b""),
        (b"/a;v=1/b,c:d@e!$&'()*+=", b"/a;v=1/b,c:d@e!$&'()*+=", b""),
        (b"/..;/a", b"/..;/a", b""),
        (b"/a%3f%23", b"/a%3F%23", b""),
    ],
)
def test_normal_forms(target, path, query):
    assert normalise(target) == Target(path, query)
    assert normalise(path) == Target(path, b"")


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"a",
        b"*",
        b"http://h/a",
        b"?x",
        b"//",
        b"//a",
        b"/a//b",
        b"/a//",
        b"/a/./b",
        b"/a/.",
        b"/..",
        b"/a/../b",
        b"/%2e%2e/a",
        b"/%2E./a",
        b"/.%2e/a",
        b"/a/%2e",
        b"/%2e/a",
        b"/%252e%252e/a",
        b"/%252F",
        b"/%255c",
        b"/%2500",
        b"/%252525",
        b"/a%2fb",
        b"/a%2Fb",
        b"/a%5cb",
        b"/a%5Cb",
        b"/a\\b",
        b"/a\\..\\b",
        b"/%00",
        b"/a%0a",
        b"/a%0D%0Ab",
        b"/a%7f",
        b"/a\0",
        b"/a\n",
        b"/a\r",
        b"/a\t",
        b"/a b",
        b"/a\x7f",
        b"/a#b",
        b"/a%",
        b"/a%2",
        b"/a%zz",
        b"/a%u0041",
        b"/%c0%ae%c0%ae/",
        b"/%c0%af",
        b"/%e0%80%af",
        b"/%ed%a0%80",
        b"/%f5%80%80%80",
        b"/%ff",
        b"/%c3",
        b"/%c2%85",
        b"/\xc3\xa9",
        b"/\xff",
        b'/a"b',
        b"/a<b>",
        b"/a|b",
        b"/a^b",
        b"/a`b",
        b"/a{b}",
        b"/a[b]",
        b"/a?x y",
        b"/a?x#y",
        b"/a?\x00",
        b"/a?\xff",
        b"/a?x\n",
        b"/" + b"a" * 16384,
        b"/a?" + b"a" * 16384,
        b"/a/\n",
    ],
)
def test_no_normal_form(target):
    assert normalise(target) is Refusal.PATH


@given(st.binary(max_size=40).map(lambda raw: b"/" + raw) | st.text("/.%2eEfF5cC0aA;\\?", max_size=24).map(str.encode))
def test_a_normal_form_is_stable_and_free_of_traps(target):
    """Normalising twice is normalising once, and no reader of the result finds a way up or a second spelling."""
    normal = normalise(target)
    if isinstance(normal, Refusal):
        return
    assert normalise(normal.path) == Target(normal.path, b"")
    decoded = unquote_to_bytes(normal.path)
    for reading in (decoded, unquote_to_bytes(decoded)):
        segments = reading.replace(b"\\", b"/").split(b"/")
        assert b".." not in segments
        assert b"\0" not in reading
    assert decoded.count(b"/") == normal.path.count(b"/")
    assert b"//" not in normal.path


@given(
    st.lists(st.text("aZ09-._~", min_size=1, max_size=8).filter(lambda s: s not in (".", "..")), min_size=1), st.data()
)
def test_equivalent_spellings_have_one_form(segments, data):
    """Percent-encoding any unreserved characters, in either case of hex, changes nothing."""
    path = "/" + "/".join(segments)
    spelled = "".join(
        letter if letter == "/" else data.draw(st.sampled_from([letter, f"%{ord(letter):02x}", f"%{ord(letter):02X}"]))
        for letter in path
    )
    assert normalise(spelled.encode()) == Target(path.encode(), b"")


@pytest.mark.parametrize(
    ("target", "token", "rest"),
    [
        (b"/t/a.b.c/cdn/x", b"a.b.c", b"/cdn/x"),
        (b"/t/a.b.c/", b"a.b.c", b"/"),
        (b"/t/a.b.c//cdn", b"a.b.c", b"//cdn"),
        (b"/t/a.b.c", None, b"/t/a.b.c"),
        (b"/t//cdn", None, b"/t//cdn"),
        (b"/t/", None, b"/t/"),
        (b"/t", None, b"/t"),
        (b"/cdn/t/x", None, b"/cdn/t/x"),
        (b"/%74/a/b", None, b"/%74/a/b"),
        (b"", None, b""),
    ],
)
def test_split_token(target, token, rest):
    assert split_token(target) == (token, rest)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/cdn/eu/film1/v720/1.m4s", CdnPath(b"eu", b"film1", b"v720/1.m4s", b"film1/v720/1.m4s")),
        (b"/cdn/eu-1/A_b-9/master.m3u8", CdnPath(b"eu-1", b"A_b-9", b"master.m3u8", b"A_b-9/master.m3u8")),
        (b"/cdn/eu/f/a", CdnPath(b"eu", b"f", b"a", b"f/a")),
        (b"/cdn/eu/f/720_00001.ts", CdnPath(b"eu", b"f", b"ts/v720/00001.ts", b"f/ts/v720/00001.ts")),
        (b"/cdn/eu/f/v1080-7.ts", CdnPath(b"eu", b"f", b"ts/v1080/00007.ts", b"f/ts/v1080/00007.ts")),
        (b"/cdn/eu/f/480p_123456.ts", CdnPath(b"eu", b"f", b"ts/v480/123456.ts", b"f/ts/v480/123456.ts")),
        (b"/cdn/eu/f/film.ts", CdnPath(b"eu", b"f", b"film.ts", b"f/film.ts")),
        (b"/cdn/eu/f/ts/v720/00001.ts", CdnPath(b"eu", b"f", b"ts/v720/00001.ts", b"f/ts/v720/00001.ts")),
        (b"/cdn/eu/f/0720_1.ts", CdnPath(b"eu", b"f", b"0720_1.ts", b"f/0720_1.ts")),
    ],
)
def test_split_cdn(path, expected):
    assert split_cdn(path) == expected
    assert expected.upstream == b"/cdn/" + expected.region + b"/" + expected.key


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/cdn",
        b"/cdn/",
        b"/cdn/eu",
        b"/cdn/eu/f",
        b"/cdn/eu/f/",
        b"/cdn/eu/f/a/",
        b"/cdn/EU/f/a",
        b"/cdn/-e/f/a",
        b"/cdn/eu/-f/a",
        b"/cdn/eu/f.x/a",
        b"/cdn/eu/" + b"f" * 65 + b"/a",
        b"/cdn/" + b"e" * 33 + b"/f/a",
        b"/Cdn/eu/f/a",
        b"/t/cdn/eu/f/a",
        b"/cdn/eu/%41/a",
        b"/xcdn/eu/f/a",
    ],
)
def test_not_of_the_cdns_form(path):
    assert split_cdn(path) is Refusal.NOT_FOUND


def test_a_whole_target():
    assert read_target(b"/t/a.b.c/cdn/eu/f/720_1.ts?x=1") == CdnTarget(
        b"a.b.c", b"/cdn/eu/f/720_1.ts", b"x=1", CdnPath(b"eu", b"f", b"ts/v720/00001.ts", b"f/ts/v720/00001.ts")
    )


TARGETS = [
    b"/cdn/eu/f/v720/1.m4s",
    b"/t/a.b.c/cdn/eu/f/v720/1.m4s?q=%41",
    b"/cdn/eu/f/%41",
    b"/cdn/eu/f/../g",
    b"/cdn/eu/f/..",
    b"/cdn/eu/f/a/",
    b"/cdn/eu/f//a",
    b"/t/x/y",
    b"/t//cdn/eu/f/a",
    b"/t/a.b.c/t/a.b.c/cdn/eu/f/a",
    b"/cdn/eu/f/a?",
    b"/",
    b"/cdn/eu/f/a\n",
    b"/cdn/eu/f/a?x\n",
    b"/cdn/eu/f/.x",
    b"/cdn/eu/f/~a;b",
    b"/%74/a.b.c/cdn/eu/f/a",
    b"/t/a?b/cdn/eu/f/a",
    b"/cdn/eu/f/" + b"a" * 16384,
    b"/t/" + b"a" * 16384 + b"/cdn/eu/f/a",
    b"/cdn/eu/f/720_1.ts",
    b"/cdn/eu/f/a?x?y/..",
]


def step_by_step(target):
    """What `read_target` stands for, in its three steps and without memory."""
    token, rest = split_token(target)
    if len(target) > 16384:
        return Refusal.PATH
    normal = normalise(rest)
    found = normal if isinstance(normal, Refusal) else read_path_anew(normal.path)
    return found if isinstance(found, Refusal) else CdnTarget(token, found[0], normal.query, found[1])


@pytest.mark.parametrize("target", TARGETS)
def test_a_whole_target_is_its_three_steps(target):
    assert read_target(target) == step_by_step(target)
    assert read_target(target) == step_by_step(target)


@given(
    st.sampled_from(TARGETS), st.integers(0, 40), st.sampled_from([b"/", b".", b"%2e", b"?", b"\0", b"t", b"~", b"#"])
)
def test_so_is_a_damaged_one(target, place, piece):
    """Whatever is put in anywhere, the way in one and the way in steps say the same."""
    damaged = target[:place] + piece + target[place:]
    assert read_target(damaged) == step_by_step(damaged)


@pytest.mark.parametrize(
    "rest", [b"/../title2/x", b"%2f..%2ftitle2", b"//../x", b"/%2e%2e/title2", b"/..\\title2", b"/%c0%ae%c0%ae/title2"]
)
def test_no_way_from_one_title_to_another(rest):
    """The classic steps out of a scope have no normal form at all."""
    assert read_target(b"/cdn/eu/title1" + rest) is Refusal.PATH


@pytest.mark.parametrize(
    ("target", "normal"),
    [
        (b"/a/b", b"/a/b"),
        (b"/a//b;c=1|2", b"/a//b;c=1|2"),
        (b"/%7E%41%2f%c3%a9", b"/~A%2F%C3%A9"),
        (b"/a?%7E=%2f%0a%zz", b"/a?%7E=%2f%0a%zz"),
        (b"/...", b"/..."),
        (b"/a%2fb..", b"/a%2Fb.."),
        (b"/%252e%252e/a", b"/%252e%252e/a"),
    ],
)
def test_the_normal_form_of_any_target(target, normal):
    """The path alone is normalised (RFC 3986 §6.2.2); the query is data, and goes as it came."""
    assert normalise_any(target) == normal
    assert normalise_any(normal) == normal


@pytest.mark.parametrize(
    "target",
    [b"", b"a", b"/a b", b"/a\\b", b"/a#b", b"/a?b#", b"/a\0", b"/a%00", b"/a%1f", b"/a%7F", b"/a%", b"/a%2", b"/a%g0",
     b"/.", b"/a/..", b"/%2e%2e/a", b"/a%2f..", b"/a%5C.%2fb", b"/\xe9", b"/a?\xe9", b"/" * 16385],
)  # fmt: skip
def test_what_has_no_normal_form_anywhere(target):
    assert normalise_any(target) is Refusal.PATH


def test_the_normal_form_of_a_name():
    assert (normal_name(b"p%61ge"), normal_name(b"a%3d"), normal_name(b"a")) == (b"page", b"a%3D", b"a")
