"""A reference names something of the same title, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.media.naming import MAX_REFERENCE_LENGTH, within_title

HERE = b"/cdn/eu/film/v720/00001.m4s"


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("00002.m4s", b"film/v720/00002.m4s"),
        ("./00002.m4s?CMCD=x", b"film/v720/00002.m4s"),
        ("../v240/00002.m4s", b"film/v240/00002.m4s"),
        ("../../film/a", b"film/a"),
        ("/cdn/eu/film/b", b"film/b"),
        ("/t/a.b.c/cdn/eu/film/b", b"film/b"),
        ("%61", b"film/v720/a"),
        ("?x", b"film/v720/00001.m4s"),
    ],
)
def test_what_is_of_the_title(reference, key):
    found = within_title(HERE, reference)
    assert found is not None
    assert found[0].key == key


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "../../film1/a",
        "../../../us/film/a",
        "../../../../../cdn/eu/film/a",
        "//host/cdn/eu/film/a",
        "http://host/cdn/eu/film/a",
        "/elsewhere",
        "%2e%2e/a",
        "..%2fa",
        "a\\b",
        "a b",
        "ä",
        "a//b",
        "http://[",
        "x" * (MAX_REFERENCE_LENGTH + 1),
    ],
)
def test_what_is_not(reference):
    assert within_title(HERE, reference) is None


@given(st.text(alphabet="./%2efilmcdnu?#:;a0", max_size=40))
def test_nothing_leaves_the_title(reference):
    found = within_title(HERE, reference)
    assert found is None or (
        found[0].key.startswith(b"film/") and found[0].region == b"eu" and b".." not in found[1].path.split(b"/")
    )
