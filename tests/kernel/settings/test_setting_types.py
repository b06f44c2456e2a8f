"""The kinds of settings: what each takes, and that whatever else is a ValueError with words."""

import contextlib
import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.settings import setting_types
from kernel.settings.setting_types import Address, Kind, choice

ALL = [value for value in vars(setting_types).values() if isinstance(value, Kind)]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (setting_types.TEXT, "a b", "a b"),
        (setting_types.INTEGER, "-12", -12),
        (setting_types.NUMBER, "1e3", 1000.0),
        (setting_types.SIZE, "0", 0),
        (setting_types.SIZE, "1000", 1000),
        (setting_types.SIZE, "512MiB", 512 << 20),
        (setting_types.SIZE, "4 gib", 4 << 30),
        (setting_types.SIZE, "1.5k", 1536),
        (setting_types.SIZE, "2KB", 2000),
        (setting_types.SIZE, "1T", 1 << 40),
        (setting_types.DURATION, "30", 30.0),
        (setting_types.DURATION, "250ms", 0.25),
        (setting_types.DURATION, "5m", 300.0),
        (setting_types.DURATION, "2h", 7200.0),
        (setting_types.DURATION, "1.5d", 129600.0),
        (setting_types.ADDRESS, "127.0.0.1:80", Address("127.0.0.1", 80)),
        (setting_types.ADDRESS, "[::1]:0", Address("::1", 0)),
        (setting_types.ADDRESS, "edge-1.example:65535", Address("edge-1.example", 65535)),
        (setting_types.URL, "http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        (setting_types.URL, "https://[::1]:9000/base", "https://[::1]:9000/base"),
        (setting_types.CIDR, "10.0.0.0/8", ipaddress.ip_network("10.0.0.0/8")),
        (setting_types.CIDR, "::1", ipaddress.ip_network("::1/128")),
        (setting_types.COUNTRY, "de", "DE"),
        (setting_types.PATH, "a/b", Path("a/b")),
        (setting_types.PATH_OR_OFF, "off", None),
        (setting_types.PATH_OR_OFF, "offline", Path("offline")),
        (setting_types.SWITCH, "On", True),
        (setting_types.SWITCH, "0", False),
        (choice("s3fifo", "lru"), "lru", "lru"),
    ],
)
def test_what_a_kind_takes(kind, text, value):
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (setting_types.TEXT, ""),
        (setting_types.TEXT, "a\0"),
        *((setting_types.INTEGER, text) for text in ("", "1.0", "x", "٣", "1_000", " 1", "9" * 5000)),
        *((setting_types.NUMBER, text) for text in ("", "nan", "inf", "-inf", "1e400", "x")),
        *((setting_types.SIZE, text) for text in ("", "-1", "5 apples", "MiB", "1e3", "9" * 400, "1.5.5", "1Mi")),
        *((setting_types.DURATION, text) for text in ("", "-1s", "5 years", "s", "9" * 400, "inf")),
        *((setting_types.ADDRESS, text) for text in ("", "80", ":80", "h:", "h:x", "h:65536", "h:-1", "::1:80")),
        *((setting_types.ADDRESS, text) for text in ("[]:80", "[h]:80", "[127.0.0.1]:80")),
        *((setting_types.ADDRESS, text) for text in ("http://h:80", "a b:80", "h:80 ", "h:٣", "-h:80", "h/x:80")),
        *((setting_types.URL, text) for text in ("", "h:80", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://[")),
        *((setting_types.URL, text) for text in ("http://u:p@h", "http://h?q", "http://h#f")),
        *((setting_types.URL, text) for text in ("http://h\n", "http://é", "http://a b")),
        *((setting_types.CIDR, text) for text in ("", "10.0.0.1/8", "10.0.0.0/33", "x")),
        *((setting_types.COUNTRY, text) for text in ("", "D", "DEU", "D1", "ÄÖ")),
        (setting_types.PATH, ""),
        (setting_types.PATH_OR_OFF, ""),
        *((setting_types.SWITCH, text) for text in ("", "maybe", "2")),
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
