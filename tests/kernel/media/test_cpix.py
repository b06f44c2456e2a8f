"""CPIX documents: what a SPEKE v2 encryptor sends, and what is refused."""

import base64
import re
from dataclasses import replace

import pytest

from kernel.media.content_keys import ContentKey, EncryptedContent, EncryptionScheme, KeyLabel
from kernel.media.cpix import KeyRequest, read_request, read_response, write_request, write_response
from kernel.media.drm_signals import DrmSystem, signal_key

ASKED = KeyRequest(
    EncryptedContent("film", 2), {KeyLabel.SD: "1" * 32, KeyLabel.AUDIO: "ab" * 16}, EncryptionScheme.CBCS
)
KEYS = [ContentKey(KeyLabel.SD, "1" * 32, b"k" * 16), ContentKey(KeyLabel.AUDIO, "ab" * 16, b"a" * 16)]
# As the documentation of SPEKE v2 shows a request, without the data of DRM systems.
FOREIGN = """<?xml version="1.0"?>
<cpix:CPIX xmlns:cpix="urn:dashif:org:cpix" xmlns:pskc="urn:ietf:params:xml:ns:keyprov:pskc"
    contentId="abc123" version="2.3">
  <cpix:ContentKeyList>
    <cpix:ContentKey commonEncryptionScheme="cenc" kid="98ee5596-cd3e-a20d-163a-e382420c6eff"/>
    <cpix:ContentKey commonEncryptionScheme="cenc" kid="53abdba2-f210-43cb-bc90-f18f9a890a02"/>
  </cpix:ContentKeyList>
  <cpix:ContentKeyUsageRuleList>
    <cpix:ContentKeyUsageRule kid="98EE5596-CD3E-A20D-163A-E382420C6EFF" intendedTrackType="SD">
      <cpix:VideoFilter minPixels="0" maxPixels="442368"/>
    </cpix:ContentKeyUsageRule>
    <cpix:ContentKeyUsageRule kid="53abdba2-f210-43cb-bc90-f18f9a890a02" intendedTrackType="AUDIO">
      <cpix:AudioFilter minChannels="1" maxChannels="2"/>
    </cpix:ContentKeyUsageRule>
  </cpix:ContentKeyUsageRuleList>
</cpix:CPIX>"""


def test_a_request_is_read_as_it_was_written():
    assert read_request(write_request(ASKED)) == ASKED
    plain = KeyRequest(EncryptedContent("film"), {KeyLabel.UHD: "1" * 32})
    assert read_request(write_request(plain)) == plain


def test_a_response_is_read_as_it_was_written():
    got = read_response(write_response(ASKED, KEYS))
    assert list(got.keys) == KEYS
    assert (got.ivs, got.signals) == ({}, {}), "none was asked for"


WITH_SYSTEMS = replace(
    ASKED,
    ivs={KeyLabel.SD: bytes(range(16))},
    systems={KeyLabel.SD: (DrmSystem.WIDEVINE, DrmSystem.FAIRPLAY), KeyLabel.AUDIO: (DrmSystem.PLAYREADY,)},
)


def test_the_data_of_drm_systems_is_asked_for_and_answered():
    """Each system's data of each key that was asked for, with the IV that the encryptor chose."""
    asked = read_request(write_request(WITH_SYSTEMS))
    assert asked == WITH_SYSTEMS
    got = read_response(write_response(asked, KEYS))
    sd = signal_key(KEYS[0], EncryptionScheme.CBCS, bytes(range(16)))
    audio = signal_key(KEYS[1], EncryptionScheme.CBCS, b"")
    assert got.ivs == {KEYS[0].key_id: bytes(range(16))}
    assert got.signals[KEYS[0].key_id] == {name: sd[name] for name in (DrmSystem.WIDEVINE, DrmSystem.FAIRPLAY)}
    told = got.signals[KEYS[1].key_id][DrmSystem.PLAYREADY]
    assert (told.pssh, told.protection) == (audio[DrmSystem.PLAYREADY].pssh, audio[DrmSystem.PLAYREADY].protection)
    assert "IV=0x" in told.key_lines


def test_the_lists_are_in_the_schemas_order():
    text = write_request(WITH_SYSTEMS).decode()
    lists = re.findall(r"<cpix:(\w+List)>", text)
    assert lists == ["ContentKeyList", "DRMSystemList", "ContentKeyUsageRuleList"]


def test_a_foreign_encryptors_request():
    """Kids are compared as UUIDs, whatever the case of their letters."""
    found = read_request(FOREIGN.encode())
    assert found.content == EncryptedContent("abc123", 1)
    assert found.key_ids[KeyLabel.SD] == "98ee5596cd3ea20d163ae382420c6eff"
    assert found.scheme is EncryptionScheme.CENC


def test_the_response_is_speke_shaped():
    text = write_response(ASKED, KEYS).decode()
    assert 'contentId="film:2"' in text
    assert 'kid="11111111-1111-1111-1111-111111111111"' in text
    assert f"<pskc:PlainValue>{base64.b64encode(b'k' * 16).decode()}</pskc:PlainValue>" in text


def with_system(text, kid, system=DrmSystem.WIDEVINE):
    listed = f'<cpix:DRMSystemList><cpix:DRMSystem kid="{kid}" systemId="{system}"/></cpix:DRMSystemList>'
    return text.replace("<cpix:ContentKeyUsageRuleList>", f"{listed}<cpix:ContentKeyUsageRuleList>")


SCHEME = re.compile(' commonEncryptionScheme="cenc"')
LIST = "<cpix:ContentKeyList>"
RULE = re.compile(r'<cpix:ContentKeyUsageRule kid="53ab.*?</cpix:ContentKeyUsageRule>', re.DOTALL)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace('version="2.3"', 'version="1.0"'), "CPIX: `version`"),
        (lambda text: text.replace("urn:dashif:org:cpix", "urn:other"), "is not CPIX"),
        (lambda text: text.replace("abc123", "a b"), "CPIX: `contentId`"),
        (lambda text: text.replace(' contentId="abc123"', ""), "CPIX: `contentId`"),
        (lambda text: text.replace('"cenc" kid="53', '"cbcs" kid="53'), "the same commonEncryptionScheme"),
        (lambda text: text.replace('"cenc"', '"cens"'), "commonEncryptionScheme 'cens'"),
        (lambda text: text.replace("53abdba2-f210", "53abdba2-fxyz"), "ContentKey: kid"),
        (lambda text: text.replace('"AUDIO"', '"UHD1"'), "intendedTrackType 'UHD1'"),
        (lambda text: text.replace('"AUDIO"', '"SD"'), "a second rule for SD"),
        (lambda text: RULE.sub("", text), "each ContentKey needs one rule"),
        (
            lambda text: text.replace("<cpix:ContentKeyList>", "<cpix:DeliveryDataList/><cpix:ContentKeyList>"),
            "recipient",
        ),
        (lambda text: with_system(text, "53abdba2-f210-43cb-bc90-f18f9a890a02", "a-b"), "systemId 'a-b' is unknown"),
        (lambda text: with_system(text, "1" * 32, DrmSystem.WIDEVINE), "no ContentKey has its kid"),
        (
            lambda text: with_system(
                text.replace(' commonEncryptionScheme="cenc"', ""), "53abdba2f21043cbbc90f18f9a890a02"
            ),
            "needs a commonEncryptionScheme",
        ),
        (lambda text: text.replace('kid="53', 'explicitIV="AAAA" kid="53', 1), "explicitIV of 53abdba2"),
        (lambda text: re.sub(r"<cpix:ContentKey .*?/>", "", text), "there are 0"),
        (lambda text: text[:200], "no element found|unclosed"),
        (lambda text: text.replace("?>", '?><!DOCTYPE a [<!ENTITY b "c">]>'), "document type"),
        (lambda text: text + " " * 70_000, "larger than 64 KiB"),
    ],
)
def test_what_is_refused(change, why):
    with pytest.raises(ValueError, match=why):
        read_request(change(FOREIGN).encode())


@pytest.mark.parametrize("key", ["", "AAAA", "!" * 24, base64.b64encode(b"k" * 17).decode()])
def test_a_response_without_a_whole_key_shows_none(key):
    """The text of the error goes to logs: it names the key's id only."""
    document = write_response(ASKED, KEYS).decode().replace(base64.b64encode(b"k" * 16).decode(), key)
    with pytest.raises(ValueError, match="11111111-1111") as refused:
        read_response(document.encode())
    assert not key or key not in str(refused.value)
