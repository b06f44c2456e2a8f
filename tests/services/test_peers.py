"""Services divided among processes: a person's data is exported and erased in all of them, and events find the log."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import StorageFailed
from services import peers
from services.events.record import decode_record
from services.events.segments import read_page
from services.peers import PeerClient

FILM = {"duration": 100.0}


@pytest.fixture
async def divided(start, origin, until):
    """The processes `users`, `playback` and `events`, which know one another."""
    origin.publish("film", **FILM)
    events = await start(only="events", insecure_dev=None)
    playback = await start(
        only="playback,catalogue", insecure_dev=None, origin=origin.url, edges="http://127.0.0.1:8081",
        default_country="DE", peers=url_of(events),
    )  # fmt: skip
    users = await start(only="users", insecure_dev=None, peers=f"{url_of(events)},{url_of(playback)}")

    async def playable():
        key = {"Authorization": f"Bearer {users.key}"}
        return (await playback.get("/titles/film", headers=key))[0] == 200

    await until(playable)
    return users, playback, events


def url_of(place):
    return str(place.client.make_url("/"))


async def test_a_person_is_exported_and_erased_in_every_process(divided, sign_up):
    users, playback, events = divided
    ann = await sign_up(users, "ann")
    ann.place = playback
    session = (await ann.play("tv"))[1]["sessionId"]
    assert (await ann.beat(session, 30))[0] == 200
    ann.place = users
    exported = (await ann("GET", "/me/export"))[1]
    assert exported["playback"]["sessions"][0]["sessionId"] == session
    assert [record["kind"] for record in exported["events"]] == ["playback"]
    assert (await ann("DELETE", "/me"))[0] == 200
    profile = ann.tokens["profileId"]
    for folder in (playback.settings.data, events.settings.data):
        assert not [path for path in folder.rglob("*") if path.is_file() and profile.encode() in path.read_bytes()]


async def test_an_erasure_waits_for_a_process_that_is_away(once, start, sign_up):
    async with once(only="playback", insecure_dev=None) as playback:
        away = url_of(playback)
    users = await start(only="users", insecure_dev=None, peers=away)
    ann = await sign_up(users, "ann")
    assert (await ann("GET", "/me/export"))[0] == 503
    assert (await ann("DELETE", "/me"))[0] == 202
    assert (await ann("GET", "/me"))[0] in (401, 404)


async def test_what_is_played_is_in_the_event_log_of_another_process(divided, sign_up):
    users, playback, events = divided
    ann = await sign_up(users, "ann")
    ann.place = playback
    session = (await ann.play("tv"))[1]["sessionId"]
    records = [decode_record(one.payload) for one in read_page(events.settings.data / "events", 0).records]
    assert [(one.subject, one.sessions) for one in records] == [(ann.tokens["profileId"], (session,))]


async def test_only_processes_with_the_api_key_are_answered(divided):
    for place in divided:
        for path in ("/internal/people/export", "/internal/people/erase"):
            assert (await place.post(path, {"accountId": "", "profiles": []}))[0] == 401
    users, _, events = divided
    headers = {"Content-Type": "application/octet-stream"}
    assert (await events.post("/internal/events", None, headers=headers))[0] == 401
    headers |= {"Authorization": f"Bearer {users.key}"}
    assert (await events.post("/internal/events", None, headers=headers))[0] == 400


@pytest.fixture
async def peer():
    """A process whose export is a megabyte."""

    async def export(_):
        return web.json_response({"events": ["x" * 1000] * 1000})

    application = web.Application()
    application.router.add_post(peers.EXPORT, export)
    server = TestServer(application)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        yield PeerClient(session, str(server.make_url("/")), "key")
    await server.close()


async def test_an_export_that_comes_in_many_pieces_is_whole(peer):
    assert len((await peer.export_person("a", []))["events"]) == 1000


async def test_an_export_beyond_the_bound_is_a_failure(peer, monkeypatch):
    monkeypatch.setattr(peers, "MAX_EXPORT_BYTES", 100_000)
    with pytest.raises(StorageFailed, match="too many bytes"):
        await peer.export_person("a", [])
