import base64
import json

import pytest

from loadtest.player.licence import (
    LicenceLoader,
    LicenceUnavailable,
    Protection,
    key_ids_of,
    licence_request,
    missing_keys,
    protection_of,
    read_protection,
)
from loadtest.player.requests import Answer
from loadtest.player.settings import PlayerSettings
from loadtest.session import Failure

KID = "00112233-4455-6677-8899-aabbccddeeff"
RAW = bytes.fromhex(KID.replace("-", ""))
TEXT = base64.urlsafe_b64encode(RAW).rstrip(b"=").decode()
CLEAR_KEY = Protection("clearkey", "http://g/drm/clearkey?session=1", (RAW,))


def test_the_gateway_says_where_the_licence_is():
    said = {"type": "clearkey", "licenseUrl": "/drm/clearkey?session=1", "keyIds": [KID, KID.upper()], "scheme": "cbcs"}
    assert read_protection(said, "http://g") == CLEAR_KEY
    assert read_protection({"type": "none"}, "http://g") is None
    assert read_protection(None, "http://g") is None
    with pytest.raises(ValueError, match="licenseUrl"):
        read_protection({"type": "clearkey"}, "http://g")


@pytest.mark.parametrize("wrong", ["", "zz", "00", KID + "00", None])
def test_a_key_id_has_sixteen_bytes(wrong):
    with pytest.raises(ValueError, match="16 bytes"):
        key_ids_of([wrong])


def test_clear_key_is_asked_for_as_the_w3c_says():
    body, form = licence_request(CLEAR_KEY, PlayerSettings())
    assert (json.loads(body), form) == ({"kids": [TEXT], "type": "temporary"}, "application/json")


def test_other_systems_take_a_challenge_that_was_given():
    widevine = CLEAR_KEY._replace(system="widevine")
    with pytest.raises(LicenceUnavailable, match="licence_challenge"):
        licence_request(widevine, PlayerSettings())
    assert licence_request(widevine, PlayerSettings(licence_challenge="CAES")) == (
        base64.b64decode("CAES"),
        "application/octet-stream",
    )


def test_a_foreign_licence_server_is_asked_for_the_keys_of_the_manifest():
    settings = PlayerSettings(licence_url="http://l/")
    assert protection_of(settings, (RAW,)) == Protection("clearkey", "http://l/", (RAW,))
    assert protection_of(PlayerSettings(), (RAW,)) is None
    with pytest.raises(LicenceUnavailable, match="key ids"):
        licence_request(Protection("clearkey", "http://l/"), settings)


@pytest.mark.parametrize(("keys", "missing"), [([{"kid": TEXT, "k": "AA"}], 0), ([{"kid": TEXT}], 1), ([], 1)])
def test_a_licence_holds_every_key(keys, missing):
    assert len(missing_keys(CLEAR_KEY, json.dumps({"keys": keys}).encode())) == missing


@pytest.mark.parametrize("body", [b"", b"[]", b'{"keys": 1}'])
def test_what_is_no_licence(body):
    loader = LicenceLoader(CLEAR_KEY, PlayerSettings())
    fetch = loader.plan(0.0)
    assert "no Clear Key licence" in loader.on_answer(fetch, Answer(200, fetch.url, body=body), 1.0)


def test_a_server_in_trouble_is_asked_again_and_a_refusal_is_final():
    loader = LicenceLoader(CLEAR_KEY, PlayerSettings(retry_delay_s=1.0))
    for outcome, wait_s in ((503, 1.0), (Failure.TIMEOUT, 2.0), (429, 4.0)):
        fetch = loader.plan(10.0)
        assert loader.plan(10.0) is None, "one request at a time"
        assert loader.on_answer(fetch, Answer(outcome, fetch.url), 10.0) is None
        assert loader.retry_s == 10.0 + wait_s
        loader.retry_s = 0.0
    fetch = loader.plan(20.0)
    assert "403" in loader.on_answer(fetch, Answer(403, fetch.url), 20.0)
    assert not loader.is_held
