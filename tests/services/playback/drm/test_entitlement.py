"""The entitlement token, as the vendor's public documentation describes it."""

import base64

import jwt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB

from kernel.media.content_keys import ContentKey, KeyLabel
from services.playback.drm.entitlement import make_entitlement, read_communication_key

NOW = 1_800_000_000.0
ID = "cc36e85d-2fdf-462c-b395-030907447afc"
SECRET = base64.b64encode(b"s" * 32).decode()
KEYS = [ContentKey(KeyLabel.SD, "1" * 32, b"k" * 16), ContentKey(KeyLabel.AUDIO, "2" * 32, b"a" * 16)]


def decoded(expires=NOW + 3600):
    token = make_entitlement(KEYS, read_communication_key(ID, SECRET), NOW, expires)
    return token, jwt.decode(token, b"s" * 32, algorithms=["HS256"])


def test_the_vendors_form():
    token, envelope = decoded()
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert (envelope["version"], envelope["com_key_id"]) == (1, ID)
    message = envelope["message"]
    assert (message["type"], message["version"]) == ("entitlement_message", 2)
    inline = message["content_keys_source"]["inline"]
    assert [entry["id"] for entry in inline] == [
        "11111111-1111-1111-1111-111111111111",
        "22222222-2222-2222-2222-222222222222",
    ]
    assert message["license"]["allow_persistence"] is False


def test_keys_are_encrypted_for_the_vendor():
    """The token passes through logs of proxies: the keys in it open with the shared secret only."""
    _, envelope = decoded()
    decryptor = Cipher(algorithms.AES(b"s" * 32), ECB()).decryptor()
    entry = envelope["message"]["content_keys_source"]["inline"][0]
    assert decryptor.update(base64.b64decode(entry["encrypted_key"])) == b"k" * 16
    assert base64.b64encode(b"k" * 16).decode() not in str(envelope)


@pytest.mark.parametrize(("expires", "until"), [(NOW + 3600, "08:05:00"), (NOW + 60, "08:01:00")])
def test_a_token_is_short_lived_and_ends_with_the_session(expires, until):
    assert decoded(expires)[1]["expiration_date"] == f"2027-01-15T{until}+00:00"


@pytest.mark.parametrize(
    ("key_id", "text", "why"),
    [("x", SECRET, "not a UUID"), (ID, "secret!", "32 bytes in base64"), (ID, "c2hvcnQ=", "32 bytes in base64")],
)
def test_a_wrong_communication_key(key_id, text, why):
    with pytest.raises(ValueError, match=why) as refused:
        read_communication_key(key_id, text)
    assert text not in str(refused.value)
