"""Licences over HTTP: what a session gets, what it does not get, and what a vendor sees."""

import base64
import json
import random

import jwt
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from kernel.media.content_keys import EncryptedContent, KeyLabel
from kernel.vocabulary import Tier
from services.counters import Counters
from services.http.caller import Authenticator
from services.http.geo import CountryLookup
from services.http.middleware import ROUTES, Middleware
from services.playback.drm import vendor as vendor_module
from services.playback.drm.drm_service import DrmService
from services.playback.drm.entitlement import read_communication_key
from services.playback.drm.key_store import KeyStore
from services.playback.drm.routes import TROUBLE, Vendors
from services.playback.drm.vendor import KeySystem, VendorClient
from services.playback.sessions.session import EntitledSession
from system.database.engine import DatabaseAddress
from system.sealing import SealingKeys
from tests.doubles.clock import FakeClock

NOW = 1_800_000_000.0
KEY_IDS = {KeyLabel.SD: "1" * 32, KeyLabel.HD: "2" * 32, KeyLabel.AUDIO: "3" * 32}
COMMUNICATION = read_communication_key("cc36e85d-2fdf-462c-b395-030907447afc", base64.b64encode(b"s" * 32).decode())
SESSIONS = {
    "sd": EntitledSession("film", Tier.SD, NOW + 3600, revoked=False),
    "hd": EntitledSession("film", Tier.HD, NOW + 3600, revoked=False),
    "all": EntitledSession("film", Tier.UHD, NOW + 3600, revoked=False),
    "other": EntitledSession("other", Tier.HD, NOW + 3600, revoked=False),
    "revoked": EntitledSession("film", Tier.HD, NOW + 3600, revoked=True),
    "expired": EntitledSession("film", Tier.HD, NOW - 1, revoked=False),
}


class FakeSessions:
    async def entitled(self, session_id):
        return SESSIONS.get(session_id)


class Vendor:
    """A licence server that remembers what it got and answers as it is told."""

    def __init__(self):
        self.asked = []
        self.answers = []
        self.licence = random.Random(1).randbytes(3000)

    async def handle(self, request):
        self.asked.append((dict(request.headers), await request.read()))
        if self.answers:
            status = self.answers.pop(0)
            if status == "huge":
                return web.Response(body=b"x" * 300_000)
            return web.Response(status=status)
        return web.Response(body=self.licence, content_type="application/octet-stream")


class Place:
    def __init__(self, client, store, keys, vendor, counters):
        self.client, self.store, self.keys, self.vendor, self.counters = client, store, keys, vendor, counters

    async def post(self, path, data, **headers):
        async with self.client.post(path, data=data, headers=headers) as got:
            return got.status, got.headers, await got.read()

    async def clear_key(self, session, *labels, **headers):
        kids = [base64.urlsafe_b64encode(bytes.fromhex(KEY_IDS[one])).rstrip(b"=").decode() for one in labels]
        body = json.dumps({"kids": kids, "type": "temporary"})
        status, _, answer = await self.post(f"/drm/clearkey?session={session}", body, **headers)
        return status, json.loads(answer)


@pytest.fixture
def clock():
    return FakeClock(real_timers=True)


@pytest.fixture
async def place(tmp_path, clock, monkeypatch):
    """Licences with a vendor for every key system, but for FairPlay's certificate."""
    monkeypatch.setattr(vendor_module, "RETRY_SECONDS", 0.0)
    vendor = Vendor()
    upstream = web.Application()
    upstream.router.add_post("/license", vendor.handle)
    counters = Counters()
    store = KeyStore(DatabaseAddress(tmp_path / "drm.sqlite3"), SealingKeys({"k": b"k" * 32}))
    await store.open()
    keys = {key.label: key for key in await store.get_or_create(EncryptedContent("film"), KEY_IDS, NOW)}
    async with TestClient(TestServer(upstream)) as fake:
        url = str(fake.make_url("/license"))
        clients = {system: VendorClient(system, url, fake.session, clock, counters) for system in KeySystem}
        service = DrmService(store, Vendors(clients, COMMUNICATION, b"certificate"), FakeSessions(), clock, counters)
        wrapper = Middleware(Authenticator("an-api-key-of-tests", b"g"), CountryLookup(None, None), (), clock, counters)
        application = web.Application(middlewares=[wrapper.middleware()], client_max_size=64 * 1024)
        table = application[ROUTES] = {}
        for route in service.routes():
            table[application.router.add_route(route.method, route.path, route.handler)] = route
        async with TestClient(TestServer(application)) as client:
            yield Place(client, store, keys, vendor, counters)
    await store.close()


def as_kid(key):
    return base64.urlsafe_b64encode(bytes.fromhex(key.key_id)).rstrip(b"=").decode()


async def test_a_session_gets_the_keys_it_may_have(place):
    """Players ask for all keys of the title at once: the answer is those of the tier, and the others are left out."""
    for session, labels in (("sd", "SD AUDIO"), ("hd", "SD HD AUDIO"), ("all", "SD HD AUDIO")):
        status, licence = await place.clear_key(session, KeyLabel.SD, KeyLabel.HD, KeyLabel.AUDIO)
        assert status == 200
        assert licence["type"] == "temporary"
        expected = {as_kid(place.keys[label]): place.keys[label].key for label in labels.split()}
        got = {one["kid"]: base64.urlsafe_b64decode(one["k"] + "==") for one in licence["keys"]}
        assert got == expected


async def test_an_sd_session_does_not_get_the_hd_key(place):
    status, refused = await place.clear_key("sd", KeyLabel.HD)
    assert (status, refused["reason"]) == (403, "plan")
    assert refused["detail"] == "Your plan does not include this quality."
    assert as_kid(place.keys[KeyLabel.HD]) not in str(refused)


@pytest.mark.parametrize(
    ("session", "status", "reason"),
    [
        ("unknown", 403, "session-unknown"),
        ("", 403, "session-unknown"),
        ("revoked", 410, "session-ended"),
        ("expired", 410, "session-ended"),
        ("other", 404, "key-unknown"),
    ],
)
async def test_who_gets_no_licence(place, session, status, reason):
    """A session of another title neither: its keys are not those of this one."""
    got, refused = await place.clear_key(session, KeyLabel.SD)
    assert (got, refused["reason"]) == (status, reason)
    assert refused["type"].endswith(reason)
    for path in ("widevine", "playready", "fairplay"):
        if session != "other":
            assert (await place.post(f"/drm/{path}?session={session}", b"challenge"))[0] == status
    assert place.vendor.asked == [] or session == "other"


async def test_the_session_may_be_in_a_header(place):
    status, _ = await place.clear_key("", KeyLabel.SD, **{"X-Matinee-Session": "sd"})
    assert status == 200


async def test_a_session_that_asks_on_and_on_is_slowed(place):
    seen = {(await place.clear_key("sd", KeyLabel.SD))[0] for _ in range(80)}
    assert seen == {200, 429}
    assert (await place.clear_key("hd", KeyLabel.SD))[0] == 200, "each session for itself"


@pytest.mark.parametrize("system", list(KeySystem))
async def test_challenge_and_licence_pass_byte_for_byte(place, system):
    """With the vendor's token for the keys of the session's tier, and none of the viewer's own headers."""
    challenge = random.Random(2).randbytes(5000) + b"\r\n\0"
    status, headers, licence = await place.post(
        f"/drm/{system}?session=sd", challenge, Cookie="a=b", **{"X-Matinee-Session": "sd"}
    )
    assert (status, licence) == (200, place.vendor.licence)
    assert headers["Cache-Control"] == "no-store"
    [(asked, body)] = place.vendor.asked
    assert body == challenge
    assert "Cookie" not in asked
    assert "X-Matinee-Session" not in asked
    envelope = jwt.decode(asked["X-AxDRM-Message"], b"s" * 32, algorithms=["HS256"])
    inline = envelope["message"]["content_keys_source"]["inline"]
    assert {one["id"].replace("-", "") for one in inline} == {KEY_IDS[KeyLabel.SD], KEY_IDS[KeyLabel.AUDIO]}
    assert ("SOAPAction" in asked) == (system is KeySystem.PLAYREADY)


async def test_a_vendor_that_stumbles_is_asked_again(place):
    place.vendor.answers = [503, 500]
    status, _, licence = await place.post("/drm/widevine?session=hd", b"challenge")
    assert (status, licence) == (200, place.vendor.licence)
    assert [body for _, body in place.vendor.asked] == [b"challenge"] * 3


async def test_a_vendor_that_is_down_is_told_kindly(place):
    """The viewer reads a sentence, the operator the cause; then the breaker spares the vendor and the viewer's time."""
    place.vendor.answers = [500] * 100
    with structlog.testing.capture_logs() as logs:
        answers = [await place.post("/drm/widevine?session=hd", b"secret-challenge") for _ in range(6)]
    assert {status for status, _, _ in answers} == {503}
    refused = json.loads(answers[0][2])
    assert (refused["detail"], refused["reason"]) == (TROUBLE, "licence-server")
    assert answers[0][1]["Retry-After"] == "5"
    assert len(place.vendor.asked) == 5, "the breaker opened"
    down = [line for line in logs if line["event"] == "licence-vendor-down"]
    assert [(line["system"], line["cause"]) for line in down] == [("widevine", "it answered 500")]
    assert "secret-challenge" not in str(logs)
    assert place.vendor.asked[0][0]["X-AxDRM-Message"] not in str(logs)


async def test_a_vendor_that_recovers_is_used_again(place, clock):
    place.vendor.answers = [500] * 5
    for _ in range(3):
        await place.post("/drm/widevine?session=hd", b"challenge")
    clock.move(10.0)
    assert (await place.post("/drm/widevine?session=hd", b"challenge"))[0] == 200
    assert (await place.post("/drm/widevine?session=hd", b"challenge"))[0] == 200


async def test_other_key_systems_go_on_while_one_is_down(place):
    place.vendor.answers = [500] * 5
    for _ in range(3):
        await place.post("/drm/widevine?session=hd", b"challenge")
    assert (await place.post("/drm/playready?session=hd", b"challenge"))[0] == 200


@pytest.mark.parametrize(
    ("answers", "status", "reason", "attempts"),
    [
        ([403], 403, "licence-refused", 1),
        (["huge"] * 3, 503, "licence-server", 3),
        ([302] * 3, 503, "licence-server", 3),
    ],
)
async def test_what_a_vendor_may_answer(place, answers, status, reason, attempts):
    place.vendor.answers = answers
    got, _, body = await place.post("/drm/fairplay?session=hd", b"challenge")
    assert (got, json.loads(body)["reason"]) == (status, reason)
    assert len(place.vendor.asked) == attempts


async def test_challenges_are_bounded(place):
    assert (await place.post("/drm/widevine?session=hd", b""))[0] == 400
    assert (await place.post("/drm/widevine?session=hd", b"x" * 70_000))[0] == 413
    assert place.vendor.asked == []


async def test_fairplays_certificate_is_public(place):
    async with place.client.get("/drm/fairplay") as got:
        assert (got.status, await got.read()) == (200, b"certificate")


async def test_no_session_id_is_logged(place):
    """It is the secret that gets licences."""
    with structlog.testing.capture_logs() as logs:
        await place.clear_key("all", KeyLabel.SD)
    [line] = [line for line in logs if line["event"] == "request"]
    assert line["path"] == "/drm/clearkey"
    assert "session" not in str(line)
