"""Players report over HTTP: what is stored, what is refused, and when they should try again."""

import json

import pytest

from services.events.record import Kind, decode_record
from services.events.segments import read_page

LINE = 'e=ps,sid="s1",sn=1,sta=s,ts=1764500000123,v=2'
CMCD = {"Content-Type": "application/cmcd"}
EVENT = {"type": "stall", "sessionId": "s1", "at": 1764500000.5}


@pytest.fixture
async def place(start):
    return await start(only="events")


@pytest.fixture
def stored(tmp_path):
    def read():
        return [decode_record(record.payload) for record in read_page(tmp_path / "data" / "events", 0).records]

    return read


async def test_cmcd_is_on_the_disk_when_it_is_answered(place, stored):
    answer = await place.client.post("/events/cmcd", data=f"{LINE}\n{LINE}\n", headers=CMCD)
    assert (answer.status, await answer.json()) == (202, {"accepted": 2})
    [record] = stored()
    assert (record.kind, record.body.decode(), record.sessions) == (Kind.CMCD, f"{LINE}\n{LINE}", ("s1",))


async def test_json_events_are_on_the_disk_when_they_are_answered(place, stored):
    answer = await place.client.post("/events", json=[EVENT])
    assert (answer.status, await answer.json()) == (202, {"accepted": 1})
    assert json.loads(stored()[0].body) == [EVENT]


async def test_good_events_are_stored_and_bad_ones_named(place, stored):
    answer = await place.client.post("/events/cmcd", data=f"{LINE}\nnonsense", headers=CMCD)
    body = await answer.json()
    assert (answer.status, body["accepted"], body["rejected"][0]["number"]) == (202, 1, 2)
    assert len(stored()) == 1


async def test_a_body_without_one_good_event_is_refused(place, stored):
    answer = await place.client.post("/events", json=[EVENT | {"at": "now"}])
    assert (answer.status, (await answer.json())["reason"]) == (400, "events")
    assert stored() == []


async def test_a_viewers_token_is_never_stored(place, stored):
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
    await place.client.post("/events/cmcd", data=f'{LINE},url="https://e/t/{token}/cdn/eu/f/1.m4s"', headers=CMCD)
    await place.client.post("/events", json=[EVENT | {"edge": f"https://e/t/{token}/"}])
    for record in stored():
        assert b"eyJ" not in record.body
        assert b"REDACTED" in record.body


@pytest.mark.parametrize("path", ["/events", "/events/cmcd"])
async def test_other_content_types_and_other_sites_are_refused(place, path):
    assert (await place.client.post(path, data="x", headers={"Content-Type": "text/plain"})).status == 415
    headers = {
        "Origin": "https://evil.example",
        "Content-Type": "application/json" if path == "/events" else "application/cmcd",
    }
    assert (await place.client.post(path, data="[]", headers=headers)).status == 403


async def test_a_large_body_is_refused(place):
    assert (await place.client.post("/events/cmcd", data="x" * 100_000, headers=CMCD)).status == 413


async def test_an_address_that_floods_is_asked_to_wait(start, clock):
    place = await start(only="events", insecure_dev=None)
    for _ in range(200):
        assert (await place.client.post("/events", json=[EVENT])).status == 202
    answer = await place.client.post("/events", json=[EVENT])
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    clock.now += int(answer.headers["Retry-After"])
    assert (await place.client.post("/events", json=[EVENT])).status == 202


async def test_a_full_log_answers_429_so_that_players_keep_their_reports(start):
    place = await start(only="events", events_max_bytes="1MiB")
    status = 202
    for _ in range(100):
        answer = await place.client.post("/events", json=[EVENT | {"message": "x" * 900}] * 50)
        status = answer.status
        if status != 202:
            break
    assert (status, answer.headers["Retry-After"]) == (429, "30")


async def test_all_addresses_together_have_a_limit(start):
    place = await start(only="events", events_rate="5")
    statuses = [(await place.client.post("/events", json=[EVENT])).status for _ in range(6)]
    assert statuses == [202] * 5 + [429]


async def test_logs_in_bulk_need_an_api_key_and_lose_addresses_and_tokens(start, stored):
    place = await start(only="events", insecure_dev=None)
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
    line = json.dumps({"session": "s1", "path": f"/t/{token}/cdn/eu/f/1.m4s", "address": "192.0.2.7", "status": 200})
    headers = {"Content-Type": "application/x-ndjson"}
    assert (await place.client.post("/logs/bulk", data=line, headers=headers)).status == 401
    headers["Authorization"] = f"Bearer {place.key}"
    answer = await place.client.post("/logs/bulk", data=line, headers=headers)
    assert (answer.status, await answer.json()) == (202, {"accepted": 1})
    [record] = stored()
    assert (record.kind, record.sessions) == (Kind.LOGS, ("s1",))
    assert b"192.0.2.7" not in record.body
    assert b"eyJ" not in record.body
    large = (line + "\n") * 4000
    assert (await place.client.post("/logs/bulk", data=large, headers=headers)).status == 413


@pytest.mark.parametrize(
    "event",
    [
        {"type": "hover", "at": 1.0, "contentId": "film", "duration": 2.5},
        {"type": "trailer", "at": 1.0, "contentId": "film"},
        {"type": "search", "at": 1.0, "query": "blade"},
        {"type": "click", "at": 1.0, "target": "row-item", "list": "trending", "rank": 3},
        EVENT | {"type": "complete", "sequence": 7},
    ],
)
async def test_micro_events_are_stored(place, stored, event):
    assert (await place.post("/events", [event])) == (202, {"accepted": 1})
    assert json.loads(stored()[0].body) == [event]


async def test_an_event_of_playback_names_its_session(place):
    status, body = await place.post("/events", [{"type": "stall", "at": 1.0}])
    assert status == 400
    assert "sessionId" in body["detail"]
