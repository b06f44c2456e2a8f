"""The operators' port: every form of a purge, and every error a problem document."""

import json
from pathlib import Path

import aiohttp
import pytest

from cache.cache import Receipt
from kernel.fleet.jobs import MAX_NAMES
from tests.edge.ground import Ground, ok, standing

SEGMENT = "/cdn/eu/t1/v720/1.m4s"
KEYED = b"Cache-Control: max-age=60\r\nSurrogate-Key: t1 t1-v720\r\n"


class Operator:
    """Talks to the admin port."""

    def __init__(self, ground: Ground, session: aiohttp.ClientSession) -> None:
        self.ground = ground
        self.session = session

    async def asks(self, method: str, path: str, body: object = None, **more: str) -> tuple[int, dict, str]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | more
        url = f"http://{self.ground.edge.admin_address}{path}"
        async with self.session.request(method, url, data=data, headers=headers) as answer:
            text = await answer.text()
            document = json.loads(text) if "json" in answer.content_type else {}
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
                assert document["status"] == answer.status
                assert document["reason"]
            return answer.status, document, text


@pytest.fixture
async def operator(tmp_path: Path, request: pytest.FixtureRequest):
    async with standing(tmp_path, profile=getattr(request, "param", "media")) as ground:
        ground.upstream.default = ok(more=KEYED)
        await ground.edge.start_admin()
        async with aiohttp.ClientSession() as session:
            yield Operator(ground, session)


@pytest.mark.parametrize(
    "purge",
    [
        {"keys": ["t1"]}, {"keys": ["none", "t1-v720"]}, {"urls": [SEGMENT]}, {"urls": ["/cdn/us/t1/v720/1.m4s"]},
        {"urls": [f"https://edge.example{SEGMENT}?x=y"]}, {"urls": [f"/t/a.b.c{SEGMENT}"]},
        {"urls": ["/cdn/eu/t1/v720/%31.m4s"]}, {"prefixes": ["/cdn/eu/t1/"]}, {"prefixes": ["/cdn/eu/t1/v720/"]},
        {"prefixes": ["/cdn/eu/"]}, {"all": True},
    ],
)  # fmt: skip
async def test_a_purge_reaches_what_it_names(operator: Operator, purge: dict):
    """Hard: the next GET asks upstream again. Soft: it is revalidated or fetched again, too."""
    for soft in (False, True):
        await operator.ground.gets(SEGMENT)
        await operator.ground.gets("/cdn/eu/t2/v720/1.m4s")
        asked = len(operator.ground.upstream.asked)
        status, document, _ = await operator.asks("POST", "/purge", purge | {"soft": soft})
        assert status == 200
        assert document["purged"] >= 1
        await operator.ground.gets(SEGMENT)
        assert len(operator.ground.upstream.asked) == asked + 1


@pytest.mark.parametrize(
    "purge", [{"keys": ["none"]}, {"urls": ["/cdn/eu/t1/v720/2.m4s"]}, {"prefixes": ["/cdn/eu/t9/"]}]
)
async def test_a_purge_reaches_nothing_else(operator: Operator, purge: dict):
    await operator.ground.gets(SEGMENT)
    assert (await operator.asks("POST", "/purge", purge))[1] == {"purged": 0}
    await operator.ground.gets(SEGMENT)
    assert len(operator.ground.upstream.asked) == 1


@pytest.mark.parametrize("operator", ["general"], indirect=True)
async def test_general_purges_by_absolute_urls(operator: Operator):
    for purge in ({"urls": ["http://h/a?b"]}, {"urls": ["http://H/a?b"]}, {"prefixes": ["http://h/a"]}):
        await operator.ground.gets("/a?b")
        assert (await operator.asks("POST", "/purge", purge))[1] == {"purged": 1}
    assert (await operator.asks("POST", "/purge", {"urls": ["/a?b"]}))[0] == 400


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/purge", b"", "body"),
        ("/purge", b"nonsense", "body"),
        ("/purge", b"\xff", "body"),
        ("/purge", [], "body"),
        ("/purge", {"keys": "t1"}, "body"),
        ("/purge", {"keys": [1]}, "body"),
        ("/purge", {"all": "yes"}, "body"),
        ("/purge", {"everything": True}, "body"),
        ("/purge", {}, "empty"),
        ("/purge", {"all": False, "keys": []}, "empty"),
        ("/purge", {"urls": ["/elsewhere"]}, "url"),
        ("/purge", {"urls": ["http://[::1/cdn/eu/t1/a"]}, "url"),
        ("/purge", {"urls": ["/cdn/eu/t1/../t2/a"]}, "url"),
        ("/purge", {"prefixes": [""]}, "url"),
        ("/purge", {"prefixes": ["http://[::1/"]}, "url"),
        ("/purge", {"keys": ["k"] * (MAX_NAMES + 1)}, "too-many"),
        ("/prefetch", b"nonsense", "body"),
        ("/prefetch", {}, "body"),
        ("/prefetch", {"urls": ["/elsewhere"]}, "url"),
        ("/prefetch", {"urls": ["http://[::1/"]}, "url"),
        ("/prefetch", {"urls": [SEGMENT] * 10_001}, "too-many"),
    ],
)
async def test_what_cannot_be_done_is_said(operator: Operator, path: str, body: object, reason: str):
    status, document, _ = await operator.asks("POST", path, body)
    assert (status, document["reason"]) == (400, reason)
    assert document["detail"]


async def test_the_errors_of_the_server_library_are_problems_too(operator: Operator):
    assert (await operator.asks("GET", "/nothing"))[0] == 404
    assert (await operator.asks("GET", "/purge"))[0] == 405
    assert (await operator.asks("POST", "/purge", b"[" * (5 << 20)))[0] == 413


async def test_prefetch_fetches_objects(operator: Operator):
    urls = [f"/cdn/eu/t1/v720/{number}.m4s" for number in range(5)]
    assert (await operator.asks("POST", "/prefetch", {"urls": urls}))[0] == 202
    await operator.ground.until(lambda: operator.ground.edge.stats()["objects"] == 5)
    asked = len(operator.ground.upstream.asked)
    for url in urls:
        assert (await operator.ground.gets(url)).status == 200
    assert len(operator.ground.upstream.asked) == asked == 5


async def test_health_numbers_and_metrics(operator: Operator):
    assert (await operator.asks("GET", "/healthz"))[1] == {"status": "ok", "id": "e", "role": "edge"}
    assert (await operator.asks("GET", "/readyz"))[1]["status"] == "ready"
    await operator.ground.gets(SEGMENT)
    stats = (await operator.asks("GET", "/stats"))[1]
    assert {"requests", "hits", "stale_hits", "misses", "collapsed", "bytes_sent", "bytes_filled"} <= set(stats)
    assert {"ram_bytes", "disk_bytes", "objects", "fills_running"} <= set(stats)
    text = (await operator.asks("GET", "/metrics"))[2]
    assert 'matinee_edge_requests_total{status="200"} 1.0' in text
    assert "# HELP matinee_edge_fills_total" in text


async def test_draining_is_reported_and_finishes(operator: Operator):
    assert (await operator.asks("POST", "/drain"))[0] == 202
    assert (await operator.asks("GET", "/readyz"))[0] == 503
    await operator.ground.clock.advance(1)
    assert operator.ground.edge.drained.is_set()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await operator.ground.connect()


async def test_a_purge_says_what_could_be_neither_removed_nor_marked(operator: Operator, monkeypatch):
    async def purge(_):
        receipt = Receipt(7)
        receipt.unrecorded_files = 2
        return receipt

    monkeypatch.setattr(operator.ground.edge.cache, "purge", purge)
    status, document, _ = await operator.asks("POST", "/purge", {"all": True})
    assert (status, document["reason"]) == (500, "not-removed")
    assert "2 files" in document["detail"]
