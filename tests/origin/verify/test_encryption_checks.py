"""Encryption that is not as intended, in a packaged title that was damaged."""

import msgspec
import pytest

from origin.verify.findings import Check
from origin.verify.title_checks import check_title
from tests.origin.verify.damage import replaced

MPD = "manifest.mpd"


def init_replaced(old, new):
    def change(facts):
        assert old in facts.inits["a_eng"]
        facts.inits["a_eng"] = facts.inits["a_eng"].replace(old, new)

    return change


FOREIGN_LINE = b'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="u",KEYID=0x' + b"1" * 32 + b"\n#EXT-X-ENDLIST"


@pytest.mark.parametrize(
    ("change", "path", "why"),
    [
        (init_replaced(b"enca", b"mp4a"), "a_eng/init.mp4", "is clear, expected cbcs under 333"),
        (init_replaced(b"cbcs", b"cens"), "a_eng/init.mp4", "is cens under"),
        (init_replaced(b"\x12\x10" + b"\x33" * 16, b"\x12\x10" + b"\x11" * 16), "a_eng/init.mp4", "another label"),
        (lambda facts: facts.encrypted.update({"a_eng/00001.m4s": False}), "a_eng/00001.m4s", "is clear"),
        (replaced("a_eng/main.m3u8", b"org.w3.clearkey", b"identity"), "a_eng/main.m3u8", "does not name its key"),
        (replaced("v240/iframe.m3u8", b"KEYID=0x1", b"KEYID=0x2"), "v240/iframe.m3u8", "does not name its key"),
        (replaced("a_eng/main.m3u8", b"#EXT-X-ENDLIST", FOREIGN_LINE), "a_eng/main.m3u8", "key of another label"),
        (replaced(MPD, b"33333333-3333", b"44444444-3333"), MPD, "a_eng is signalled under 44444444"),
        (replaced(MPD, b"e2719d58", b"e2719d59"), MPD, "a key without Clear Key"),
    ],
)
def test_what_is_not_encrypted_as_intended_is_found(read, change, path, why):
    """As a clear lead, a wrong scheme or a lost signal would be."""
    described, facts = read("cbcs")
    change(facts)
    found = [one for one in check_title(described, facts) if one.check is Check.ENCRYPTION]
    assert [one for one in found if one.path == path and why in one.detail], found


def test_a_clear_title_that_is_said_to_be_encrypted(read):
    """Its viewers would ask for keys that open nothing; and the other way round."""
    described, _ = read("cbcs")
    _, facts = read("clear")
    assert {one.check for one in check_title(described, facts)} == {Check.ENCRYPTION}
    described, facts = read("cbcs")
    found = check_title(msgspec.structs.replace(described, encryption=None), facts)
    assert {one.check for one in found} == {Check.ENCRYPTION}
