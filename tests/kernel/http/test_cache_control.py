"""Cache-Control (RFC 9111 §5.2) and CDN-Cache-Control (RFC 9213)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.http.cache_control import MAX_SECONDS, parse_directives, parse_targeted, seconds


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], {}),
        ([b""], {}),
        ([b" , ,"], {}),
        ([b"public\n"], {b"public": None}),
        ([b"no-store"], {b"no-store": None}),
        ([b"No-StOrE, MaX-aGe=3600"], {b"no-store": None, b"max-age": b"3600"}),
        ([b"max-age=1", b"public"], {b"max-age": b"1", b"public": None}),
        ([b'max-age="3600"'], {b"max-age": b"3600"}),
        ([b"max-age=3600 , public"], {b"max-age": b"3600", b"public": None}),
        ([b"max-age=3600\t,\tpublic\t"], {b"max-age": b"3600", b"public": None}),
        ([b'max-age="3600" ,public'], {b"max-age": b"3600", b"public": None}),
        ([b"max-age=1800, max-age=1"], {b"max-age": b"1800"}),
        ([b"max-age=1", b"max-age=1800"], {b"max-age": b"1"}),
        ([b'extension="max-age=3600", max-age=1'], {b"extension": b"max-age=3600", b"max-age": b"1"}),
        ([b'max-age=1, extension="max-age=3600"'], {b"extension": b"max-age=3600", b"max-age": b"1"}),
        ([b'a="x\\",no-store", b'], {b"a": b'x\\",no-store', b"b": None}),
        ([b"max-age =3600"], {b"max-age": b""}),
        ([b"max-age =3600, public"], {b"max-age": b"", b"public": None}),
        ([b"max-age= 3600"], {b"max-age": b" 3600"}),
        ([b"max-age="], {b"max-age": b""}),
        ([b"foo bar, public"], {b"foo": b"", b"public": None}),
        ([b"No-Store bar"], {b"no-store": b""}),
        ([b"private bar, max-age=1"], {b"private": None, b"max-age": b"1"}),
        ([b'a="x, public'], {b"a": b"", b"public": None}),
        ([b"=5, public"], {b"public": None}),
        ([b"max-age='3600'"], {b"max-age": b"'3600'"}),
        ([b"foobar, max-age=3600"], {b"foobar": None, b"max-age": b"3600"}),
        ([b"x=a=b"], {b"x": b"a=b"}),
    ],
)
def test_directives(lines, found):
    """§5.2: names in any case, tokens and quoted strings alike, what cannot be read counts with an empty argument."""
    assert parse_directives(lines) == found


@pytest.mark.parametrize("name", [b"no-cache", b"private"])
@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ([b"%s"], None),
        ([b'%s="a"'], b"a"),
        ([b'%s="a, B"'], b"a, B"),
        ([b"%s=a"], b"a"),
        ([b'%s="a", %s'], None),
        ([b'%s, %s="a"'], None),
        ([b'%s="a"', b'%s="b"'], b"a,b"),
        ([b'%s=""'], None),
        ([b"%s="], None),
        ([b'%s=" , "'], None),
    ],
)
def test_of_repeated_no_cache_and_private_the_strictest_counts(name, told, counts):
    """§5.2.2.4, §5.2.2.7: with fields it is weaker than without."""
    assert parse_directives([line.replace(b"%s", name) for line in told]) == {name: counts}


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        (b"0", 0),
        (b"3600", 3600),
        (b"003600", 3600),
        (b"0" * 5000 + b"7", 7),
        (b"2147483647", MAX_SECONDS - 1),
        (b"2147483648", MAX_SECONDS),
        (b"2147483649", MAX_SECONDS),
        (b"99999999999", MAX_SECONDS),
        (b"9" * 5000, MAX_SECONDS),
        (None, 0),
        (b"", 0),
        (b"-1", 0),
        (b"+1", 0),
        (b"3600.0", 0),
        (b"3600.5", 0),
        (b"a3600", 0),
        (b"3600a", 0),
        (b" 3600", 0),
        (b"'3600'", 0),
        (b"1e3", 0),
        ("٣".encode(), 0),
    ],
)
def test_delta_seconds(argument, meant):
    """§1.2.2, §4.2.1: huge ones are bounded, invalid ones are stale."""
    assert seconds({b"max-age": argument}, b"max-age") == meant


def test_an_absent_directive_has_no_seconds():
    assert seconds({}, b"max-age") is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([b"max-age=3600"], {b"max-age": b"3600"}),
        ([b"max-age=99999999999"], {b"max-age": b"99999999999"}),
        ([b"foobar, max-age=3600"], {b"foobar": None, b"max-age": b"3600"}),
        ([b"max-age=60", b"no-store"], {b"max-age": b"60", b"no-store": None}),
        ([b" max-age=60\t,  public "], {b"max-age": b"60", b"public": None}),
        ([b"max-age=1, max-age=60"], {b"max-age": b"60"}),
        ([b"no-store, max-age=60, no-store=?0"], {b"max-age": b"60"}),
        ([b"no-store=?1"], {b"no-store": None}),
        ([b"max-age=60;x, public;y=1;z=\"a,b\";w=?0;v=tok/en;u=:YQ==:"], {b"max-age": b"60", b"public": None}),
        ([b"private"], {b"private": None}),
        ([b'private="set-cookie, X"'], {b"private": b"set-cookie, X"}),
        ([b'no-cache="a"'], {b"no-cache": b"a"}),
        ([b'no-cache=""'], {b"no-cache": None}),
        ([b"foo=?0"], {}),
        ([b"ext=(1 2), max-age=60"], {b"ext": b"((1 2))", b"max-age": b"60"}),
        ([b'ext=( "a";p=1 b ?1 );q, max-age=60'], {b"ext": b'(( "a";p=1 b ?1 ))', b"max-age": b"60"}),
        ([b"ext=(), max-age=60"], {b"ext": b"(())", b"max-age": b"60"}),
        ([b"ext=1.5, ext2=tok, ext3=:YQ==:, max-age=1"],
         {b"ext": b"(1.5)", b"ext2": b"(tok)", b"ext3": b"(YQ==)", b"max-age": b"1"}),
    ],
)  # fmt: skip
def test_targeted_directives(lines, found):
    """RFC 9213 §2.1: a structured-field dictionary; of a repeated key the last counts, false takes it back."""
    assert parse_targeted(lines) == found


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"   ",
        b"max-age=10000, &&&&&",
        b'max-age="10000"',
        b"max-age=60.0",
        b"max-age",
        b"max-age=?1",
        b"max-age=-1",
        b"max-age=abc",
        b"max-age=:YQ==:",
        b"max-age=(60)",
        b"max-age = 60",
        b"max-age =60",
        b"max-age= 60",
        b"max-age=",
        b"MaX-aGe=60",
        b"max-age=60,",
        b",max-age=60",
        b"max-age=60,,public",
        b"max-age=60 public",
        b"max-age=1234567890123456",
        b"max-age=1.2345",
        b"max-age=60, no-store=1",
        b"max-age=60, no-store=yes",
        b'max-age=60, no-store="a"',
        b"max-age=60, private=5",
        b"max-age=60, no-cache=token",
        b"max-age=60, no-cache=(a)",
        b'max-age=60, x="unterminated',
        b'max-age=60, x="bad\\escape"',
        b'max-age=60, x="\xe4"',
        b"max-age=60, x=(1",
        b"max-age=60, x=(1,2)",
        b"max-age=60;X",
        b"max-age=60, x=?2",
        b"max-age=60, x=:*:",
        b"\tmax-age=60",
        b"'max-age'=60",
    ],
)
def test_a_targeted_field_that_counts_for_nothing(value):
    """RFC 9213 §2.1, §2.2: empty, not to be parsed, or of the wrong type: ignored whole, Cache-Control decides."""
    assert parse_targeted([value]) is None


def test_no_targeted_field():
    assert parse_targeted([]) is None


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_any_bytes_are_read_without_an_error(lines):
    """Both parsers stop and never raise."""
    found = parse_directives(lines)
    assert all(seconds(found, name) is not None for name in found)
    parse_targeted(lines)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "value",
    [b'a="' * 3000, b"a=" + b" " * 8000 + b"x", b"," * 8000, b"a=" + b"( " * 4000, b"a;" * 4000, b'a="\\' * 3000],
)
def test_hostile_fields_cost_little(value):
    """No form of field makes the parsers backtrack."""
    parse_directives([value])
    parse_targeted([value])
