"""Services with accounts that play."""

import pytest

EDGES = "http://127.0.0.1:8081"


class Operator:
    """Whoever has the API key: `await operator(method, path, body)` answers (status, JSON)."""

    def __init__(self, place):
        self.place = place

    async def __call__(self, method, path, body=None):
        key = {"Authorization": f"Bearer {self.place.key}"}
        async with self.place.client.request(method, path, json=body, headers=key) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def place(start, origin, until):
    origin.publish("film", duration=100.0, renditions=[
        {"name": "v480", "height": 480, "lines": 480, "bandwidth": 1_000_000},
        {"name": "v1080", "height": 1080, "lines": 1080, "bandwidth": 5_000_000},
    ], streams={"hls": "master.m3u8", "dash": "manifest.mpd", "hls-sd": "master-sd.m3u8"})  # fmt: skip
    origin.publish("other", duration=0.0)
    place = await start(origin=origin.url, edges=EDGES, default_country="DE", insecure_dev=None)
    place.operator = Operator(place)

    async def playable():
        return [(await place.operator("GET", f"/titles/{name}"))[0] for name in ("film", "other")] == [200, 200]

    await until(playable)
    return place


@pytest.fixture
async def ann(place, sign_up):
    return await sign_up(place, "ann")
