"""The kinds of settings: what each takes, and that whatever else is a ValueError with words."""

import contextlib
import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import kinds
from kernel.kinds import Address, Kind, choice

ALL = [value for value in vars(kinds).values() if isinstance(value, Kind)]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.TEXT, "a b", "a b"),
        (kinds.INTEGER, "-12", -12),
        (kinds.NUMBER, "1e3", 1000.0),
        (kinds.SIZE, "0", 0),
        (kinds.SIZE, "1000", 1000),
        (kinds.SIZE, "512MiB", 512 << 20),
        (kinds.SIZE, "4 gib", 4 << 30),
        (kinds.SIZE, "1.5k", 1536),
        (kinds.SIZE, "2KB", 2000),
        (kinds.SIZE, "1T", 1 << 40),
        (kinds.DURATION, "30", 30.0),
        (kinds.DURATION, "250ms", 0.25),
        (kinds.DURATION, "5m", 300.0),
        (kinds.DURATION, "2h", 7200.0),
        (kinds.DURATION, "1.5d", 129600.0),
        (kinds.ADDRESS, "127.0.0.1:80", Address("127.0.0.1", 80)),
        (kinds.ADDRESS, "[::1]:0", Address("::1", 0)),
        (kinds.ADDRESS, "edge-1.example:65535", Address("edge-1.example", 65535)),
        (kinds.URL, "http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        (kinds.URL, "https://[::1]:9000/base", "https://[::1]:9000/base"),
        (kinds.CIDR, "10.0.0.0/8", ipaddress.ip_network("10.0.0.0/8")),
        (kinds.CIDR, "::1", ipaddress.ip_network("::1/128")),
        (kinds.COUNTRY, "de", "DE"),
        (kinds.PATH, "a/b", Path("a/b")),
        (kinds.PATH_OR_OFF, "off", None),
        (kinds.PATH_OR_OFF, "offline", Path("offline")),
        (kinds.SWITCH, "On", True),
        (kinds.SWITCH, "0", False),
        (choice("s3fifo", "lru"), "lru", "lru"),
    ],
)
def test_what_a_kind_takes(kind, text, value):
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.TEXT, ""),
        (kinds.TEXT, "a\0"),
        *((kinds.INTEGER, text) for text in ("", "1.0", "x", "٣", "1_000", " 1", "9" * 5000)),
        *((kinds.NUMBER, text) for text in ("", "nan", "inf", "-inf", "1e400", "x")),
        *((kinds.SIZE, text) for text in ("", "-1", "5 apples", "MiB", "1e3", "9" * 400, "1.5.5", "1Mi")),
        *((kinds.DURATION, text) for text in ("", "-1s", "5 years", "s", "9" * 400, "inf")),
        *((kinds.ADDRESS, text) for text in ("", "80", ":80", "h:", "h:x", "h:65536", "h:-1", "::1:80")),
        *((kinds.ADDRESS, text) for text in ("[]:80", "[h]:80", "[127.0.0.1]:80")),
        *((kinds.ADDRESS, text) for text in ("http://h:80", "a b:80", "h:80 ", "h:٣", "-h:80", "h/x:80")),
        *((kinds.URL, text) for text in ("", "h:80", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://[")),
        *((kinds.URL, text) for text in ("http://u:p@h", "http://h?q", "http://h#f")),
        *((kinds.URL, text) for text in ("http://h\n", "http://é", "http://a b")),
        *((kinds.CIDR, text) for text in ("", "10.0.0.1/8", "10.0.0.0/33", "x")),
        *((kinds.COUNTRY, text) for text in ("", "D", "DEU", "D1", "ÄÖ")),
        (kinds.PATH, ""),
        (kinds.PATH_OR_OFF, ""),
        *((kinds.SWITCH, text) for text in ("", "maybe", "2")),
        (choice("s3fifo", "lru"), "LRU"),
    ],
)  # fmt: skip
def test_what_a_kind_refuses(kind, text):
    with pytest.raises(ValueError, match=r"\S"):
        kind.parse(text)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
@given(text=st.text(max_size=30) | st.text("0123456789.:[]/-eKMih", max_size=12))
def test_no_text_raises_anything_but_a_value_error(kind, text):
    """An operator's slip ends in words, never in a traceback."""
    with contextlib.suppress(ValueError):
        kind.parse(text)


def test_an_address_reads_as_it_is_written():
    assert str(Address("::1", 80)) == "[::1]:80"
    assert str(Address("h", 80)) == "h:80"
