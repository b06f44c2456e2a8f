"""CPIX documents: what a SPEKE v2 encryptor sends, and what is refused."""

import base64
import re

import pytest

from kernel.media.content_keys import ContentKey, EncryptedContent, EncryptionScheme, KeyLabel
from kernel.media.cpix import KeyRequest, read_request, read_response, write_request, write_response

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
    assert read_response(write_response(ASKED, KEYS)) == KEYS


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
        (
            lambda text: text.replace("<cpix:ContentKeyList>", "<cpix:DRMSystemList/><cpix:ContentKeyList>"),
            "DRM systems",
        ),
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
