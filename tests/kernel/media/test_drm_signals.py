"""What is said to each DRM system, byte for byte as Shaka Packager 3.8 says it of a title with one key."""

import base64

from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel, constant_iv
from kernel.media.drm_signals import DrmSystem, is_pssh_box, playready_object, pssh_box, signal_key
from kernel.media.playlist import attributes
from kernel.media.xml_reader import read_xml

KEY = ContentKey(KeyLabel.SD, "1" * 32, b"\xa1" * 16)
IV = bytes(range(16))
CBCS, CENC = (signal_key(KEY, scheme, IV) for scheme in (EncryptionScheme.CBCS, EncryptionScheme.CENC))
WIDEVINE_CENC = "AAAAOHBzc2gAAAAA7e+LqXnWSs6jyCfc1R0h7QAAABgSEBERERERERERERERERERERFI49yVmwY="
PLAYREADY_CBCS = (
    '<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader" version="4.3.0.0"><DATA><PROTECTINFO>'
    '<KIDS><KID ALGID="AESCBC" VALUE="EREREREREREREREREREREQ=="></KID></KIDS></PROTECTINFO></DATA></WRMHEADER>'
)
PLAYREADY_CENC = (
    '<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader" version="4.0.0.0"><DATA><PROTECTINFO>'
    "<KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO><KID>EREREREREREREREREREREQ==</KID>"
    "<CHECKSUM>LpesgBYnh6k=</CHECKSUM></DATA></WRMHEADER>"
)


def fields(line):
    tag, _, rest = line.partition(":")
    return tag, attributes(rest)


def test_widevine():
    """Its box holds one key id and the scheme."""
    assert base64.b64encode(CENC[DrmSystem.WIDEVINE].pssh).decode() == WIDEVINE_CENC
    assert CBCS[DrmSystem.WIDEVINE].pssh.endswith(b"\x12\x10" + b"\x11" * 16 + bytes.fromhex("48f3c6899b06"))
    tag, said = fields(CBCS[DrmSystem.WIDEVINE].key_lines)
    assert (tag, said["METHOD"], said["KEYID"]) == ("#EXT-X-KEY", "SAMPLE-AES", "0x" + "1" * 32)
    assert base64.b64decode(said["URI"].rpartition(",")[2]) == CBCS[DrmSystem.WIDEVINE].pssh


def test_playready():
    """A header of 4.3 for cbcs, of 4.0 with the key's checksum for cenc, in UTF-16, framed by little-endian lengths."""
    for signals, header in ((CBCS, PLAYREADY_CBCS), (CENC, PLAYREADY_CENC)):
        _, said = fields(signals[DrmSystem.PLAYREADY].key_lines)
        made = base64.b64decode(said["URI"].rpartition(",")[2])
        assert made[10:].decode("utf-16-le") == header
        assert made[:10] == (len(made)).to_bytes(4, "little") + b"\1\0\1\0" + (len(made) - 10).to_bytes(2, "little")
        assert signals[DrmSystem.PLAYREADY].pssh.endswith(made)
        inside = read_xml(f"<r>{signals[DrmSystem.PLAYREADY].protection}</r>".encode())
        assert [one.tag for one in inside] == ["{urn:mpeg:cenc:2013}pssh", "{urn:microsoft:playready}pro"]
        assert base64.b64decode(inside[1].text) == made


def test_playready_reads_key_ids_as_guids():
    """The first three groups are little-endian."""
    key = ContentKey(KeyLabel.SD, "000102030405060708090a0b0c0d0e0f", b"k" * 16)
    guid = base64.b64encode(bytes.fromhex("03020100050407060809 0a0b0c0d0e0f")).decode()
    assert guid in playready_object(key, EncryptionScheme.CBCS).decode("utf-16-le", "replace")


def test_fairplay_gets_the_key_id_as_a_guid_with_the_iv():
    """As vendors read it; there is no FairPlay for cenc."""
    _, said = fields(CBCS[DrmSystem.FAIRPLAY].key_lines)
    assert said["URI"] == "skd://11111111-1111-1111-1111-111111111111:000102030405060708090A0B0C0D0E0F"
    assert said["IV"] == "0x000102030405060708090a0b0c0d0e0f"
    assert DrmSystem.FAIRPLAY not in CENC


def test_clear_key_is_said_as_hlsjs_reads_it():
    _, said = fields(CENC[DrmSystem.CLEAR_KEY].key_lines)
    assert said["METHOD"] == "SAMPLE-AES-CTR"
    assert said["URI"] == "data:text/plain;base64,EREREREREREREREREREREQ=="
    assert (said["KEYID"], said["KEYFORMAT"]) == ("0x" + "1" * 32, "org.w3.clearkey")


def test_session_lines_say_what_key_lines_say():
    """RFC 8216 §4.3.4.5: the same attributes."""
    for signals in (*CBCS.values(), *CENC.values()):
        assert signals.session_lines == signals.key_lines.replace("#EXT-X-KEY:", "#EXT-X-SESSION-KEY:")


def test_boxes():
    """Version 1 lists key ids, version 0 none; a box of another system, or half of one, is none."""
    common = CBCS[DrmSystem.COMMON].pssh
    assert (
        base64.b64encode(common).decode() == "AAAANHBzc2gBAAAAEHfv7MCyTQKs4zweUuL7SwAAAAERERERERERERERERERERERAAAAAA=="
    )
    assert is_pssh_box(common, DrmSystem.COMMON)
    assert is_pssh_box(pssh_box(DrmSystem.WIDEVINE, b"data"), DrmSystem.WIDEVINE)
    for other in (b"", common[:-1], common + b"x", pssh_box(DrmSystem.WIDEVINE, b"data")):
        assert not is_pssh_box(other, DrmSystem.COMMON)


def test_each_key_has_an_iv_of_its_own():
    assert len(constant_iv(KEY.key_id)) == 16
    assert constant_iv(KEY.key_id) != constant_iv("2" * 32)
