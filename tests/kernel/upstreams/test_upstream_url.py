"""An upstream in the settings: a URL of host and port, and its weight."""

import pytest

from kernel.upstreams.upstream_url import UPSTREAM, weight_of, without_weight


@pytest.mark.parametrize(
    ("text", "url", "weight"),
    [
        ("http://a:1", "http://a:1", 1.0),
        ("http://a:1/", "http://a:1", 1.0),
        ("https://a", "https://a", 1.0),
        ("http://a:1#weight=2", "http://a:1", 2.0),
        ("http://a:1/#weight=0.5", "http://a:1", 0.5),
        ("http://[::1]:1#weight=100", "http://[::1]:1", 100.0),
    ],
)
def test_what_is_accepted(text: str, url: str, weight: float):
    value = UPSTREAM.parse(text)
    assert (without_weight(value), weight_of(value)) == (url, weight)


@pytest.mark.parametrize(
    "text",
    [
        "http://a:1#", "http://a:1#weight=", "http://a:1#weight=0", "http://a:1#weight=-1", "http://a:1#weight=101",
        "http://a:1#weight=two", "http://a:1#wait=2", "http://a:1#weight=1#weight=2", "http://a:1#weight=nan",
        "http://a:1/base", "http://a:1/base#weight=2", "ftp://a:1", "a:1", "http://u:p@a:1", "http://a:1?x", "",
    ],
)  # fmt: skip
def test_what_is_not(text: str):
    with pytest.raises(ValueError):  # noqa: PT011 (the words differ)
        UPSTREAM.parse(text)


def test_the_words_name_the_trouble():
    with pytest.raises(ValueError, match="has a path"):
        UPSTREAM.parse("http://a:1/base")
    with pytest.raises(ValueError, match="weight=N"):
        UPSTREAM.parse("http://a:1#weight=0")
