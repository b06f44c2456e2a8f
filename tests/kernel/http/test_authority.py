"""Hosts in their one normal form."""

import pytest

from kernel.http.authority import MAX_LENGTH, normal_authority

SAME = [
    ("h.example", "H.Example", "h.example.", "h.example:80", "h.example:", "h.example.:0080", "%68.example",
     "h%2Eexample", "H.EXAMPLE%2e"),
    ("h.example:8080", "H.example.:8080", "h.example:08080"),
    ("[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]:80", "[0::1]:"),
    ("[2001:db8::a]:81", "[2001:DB8:0:0::A]:081"),
    ("xn--bcher-kva.example", "bücher.example", "BÜCHER.example.", "b%C3%BCcher.example", "xn--BCHER-kva.example"),
    ("a_b.c-d~$", "A_B.c-d%7e$"),
]  # fmt: skip


@pytest.mark.parametrize(("normal", "spelt"), [(one[0], other) for one in SAME for other in one])
def test_one_host_has_one_form(normal: str, spelt: str):
    assert normal_authority(spelt.encode(), b"80") == normal.encode()
    assert normal_authority(normal.encode(), b"80") == normal.encode()


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", ".a", "a..", "u@h", "u:p@h", "h:x", "h:65536", "h:000080", "[::1", "::1", "[::g]", "[v1.a]",
     "[fe80::1%25eth0]",
     "a%00b", "a%2fb", "a%40b", "a%3ab", "a%20b", "a%ff", "a%zz", "a b", "a/b", "a\\b", "a#b", "a?b", "a" * 64,
     ".".join(["a" * 60] * 5), "a." * MAX_LENGTH, "％00.example", "／evil.example"],
)  # fmt: skip
def test_what_is_no_host(text: str):
    assert normal_authority(text.encode(), b"80") is None


def test_the_own_port_is_the_scheme_s():
    assert normal_authority(b"h:443", b"443") == b"h"
    assert normal_authority(b"h:443", b"80") == b"h:443"
    assert normal_authority(b"h:80") == b"h:80"
