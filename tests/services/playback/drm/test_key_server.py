"""The key server over HTTP, with the origin's own client as one of its callers."""

import asyncio

import pytest
import structlog

from kernel.media.content_keys import EncryptedContent, EncryptionScheme, KeyLabel
from kernel.media.cpix import KeyRequest, read_response, write_request
from services.playback.drm.key_server import PATH

ASKED = KeyRequest(
    EncryptedContent("film", 2), {KeyLabel.SD: "1" * 32, KeyLabel.AUDIO: "2" * 32}, EncryptionScheme.CBCS
)
HEADERS = {"Content-Type": "application/xml", "X-Speke-Version": "2.0"}


@pytest.fixture
async def ask(start):
    """`await ask(body, **headers)` → (status, headers, body) of the key server."""
    place = await start(insecure_dev="off")

    async def post(body, key=place.key, **headers):
        own = {"Authorization": f"Bearer {key}"} if key else {}
        async with place.client.post(PATH, data=body, headers=HEADERS | own | headers) as got:
            return got.status, got.headers, await got.read()

    return post


async def test_a_packager_gets_its_keys(ask):
    """The version is echoed, nobody caches it, and a second request is answered with the same keys."""
    status, headers, body = await ask(write_request(ASKED))
    assert (status, headers["X-Speke-Version"], headers["Cache-Control"]) == (200, "2.0", "no-store")
    assert headers["Content-Type"] == "application/xml"
    keys = read_response(body).keys
    assert {key.label: key.key_id for key in keys} == ASKED.key_ids
    answers = await asyncio.gather(*(ask(write_request(ASKED)) for _ in range(5)))
    assert [read_response(again).keys for _, _, again in answers] == [keys] * 5


@pytest.mark.parametrize("key", [None, "a-wrong-key-of-nobody"])
async def test_only_an_api_key_gets_keys(ask, key):
    status, _, body = await ask(write_request(ASKED), key)
    assert status == 401
    assert b"pskc" not in body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (write_request(ASKED), {"X-Speke-Version": "1.0"}, 400),
        (write_request(ASKED), {"Content-Type": "application/json"}, 415),
        (write_request(ASKED), {"Origin": "http://evil.example"}, 403),
        (write_request(ASKED)[:200], {}, 422),
        (b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 50 + b'">]><a>&b;</a>', {}, 422),
        (b"x" * 70_000, {}, 413),
    ],
)
async def test_what_is_refused(ask, body, headers, status):
    assert (await ask(body, **headers))[0] == status


async def test_the_log_says_who_got_which_key_but_no_key(ask):
    with structlog.testing.capture_logs() as logs:
        _, _, body = await ask(write_request(ASKED))
    [line] = [line for line in logs if line["event"] == "content-keys-sent"]
    assert (line["content"], line["key_ids"]) == ("film:2", ["1" * 32, "2" * 32])
    for key in read_response(body).keys:
        assert key.key.hex() not in str(logs)
