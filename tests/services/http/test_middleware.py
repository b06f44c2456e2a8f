"""Before and after each handler: access, hosts, other sites, ids, counters, kind errors."""

import json

import structlog

from services.log_fields import LOG_FIELDS


async def test_viewers_need_the_cookie_that_the_page_sets(start):
    place = await start(insecure_dev="off")
    status, body = await place.get("/titles")
    assert (status, body["reason"]) == (401, "not-recognised")
    page = await place.client.get("/")
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert (await place.get("/titles"))[0] == 200
    assert (await place.put("/titles/a/licence", {"countries": None}))[0] == 401


async def test_the_api_key_opens_everything_and_a_wrong_one_nothing(start):
    place = await start(insecure_dev="off")
    assert (await place.get("/titles", headers={"Authorization": f"Bearer {place.key}"}))[0] == 200
    got = await place.client.get("/healthz", headers={"Authorization": "Bearer wrong"})
    assert got.status == 401
    assert got.headers["WWW-Authenticate"] == "Bearer"
    assert place.settings.api_key_path.stat().st_mode & 0o777 == 0o600


async def test_without_key_only_loopback_names_are_answered(start):
    place = await start()
    for host, expected in (("localhost:1", 200), ("127.0.0.2", 200), ("[::1]:9", 200), ("evil.example", 421)):
        assert (await place.get("/healthz", headers={"Host": host}))[0] == expected


async def test_another_site_cannot_speak_for_the_viewer(start):
    place = await start()
    feedback = {"userId": "u", "contentId": "x", "action": "VIEW"}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, body = await place.post("/recommendations/feedback", feedback, headers=headers)
        assert (status, body["reason"]) == (403, "cross-site")


async def test_metrics_are_for_this_machine_or_the_key(start):
    place = await start(insecure_dev="off", trusted_proxies="127.0.0.0/8")
    assert (await place.client.get("/metrics")).status == 200
    away = {"X-Forwarded-For": "9.9.9.9"}
    assert (await place.client.get("/metrics", headers=away)).status == 401
    key = {"Authorization": f"Bearer {place.key}"}
    got = await place.client.get("/metrics", headers=away | key)
    assert "matinee_services_requests_total" in await got.text()


async def test_metrics_are_not_told_through_an_unknown_proxy(start):
    place = await start(insecure_dev="off")
    assert (await place.client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})).status == 401


async def test_unknown_paths_and_methods_are_problems_with_an_id(start):
    place = await start()
    got = await place.client.get("/nothing", headers={"X-Request-Id": "abc-1"})
    assert (got.status, got.content_type) == (404, "application/problem+json")
    assert got.headers["X-Request-Id"] == "abc-1"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    for headers in ({}, {"Authorization": "Bearer expired.or.forged"}):
        got = await place.client.delete("/titles", headers=headers)
        assert got.status == 405
        assert "GET" in got.headers["Allow"]


async def test_a_bug_is_a_500_with_the_id_that_the_log_has(start, monkeypatch):
    place = await start()

    async def broken(*_):
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("services.catalogue.store.CatalogueStore.get_with_seq", broken)
    with structlog.testing.capture_logs() as logged:
        status, body = await place.get("/titles/x")
    assert (status, body["reason"]) == (500, "bug")
    assert "secret" not in json.dumps(body)
    assert any(line.get("request_id") == body["requestId"] for line in logged)


async def test_tokens_and_queries_stay_out_of_the_log(start):
    place = await start(edges="http://127.0.0.1:1")
    with structlog.testing.capture_logs() as logged:
        await place.client.get("/t/SECRET/cdn/eu/a/x?key=SECRET", allow_redirects=False)
    assert any(line["path"] == "/t/…/cdn/eu/a/x" for line in logged if line["event"] == "request")
    assert "SECRET" not in json.dumps(logged)


async def test_each_request_leaves_a_line_with_the_fields_of_the_table(start):
    place = await start()
    with structlog.testing.capture_logs() as logged:
        await place.client.get("/healthz")
    (line,) = [line for line in logged if line["event"] == "request"]
    added_when_written = {"level", "timestamp"}
    assert line.keys() - {"log_level"} | added_when_written == {field.name for field in LOG_FIELDS}


async def test_bodies_are_bounded_and_must_be_json(start):
    place = await start()
    path = "/playback/heartbeat"
    assert (await place.post(path, {"sessionId": "x" * 100_000, "currentPosition": 1}))[0] == 413
    got = await place.client.post(path, data=b"{}", headers={"Content-Type": "text/plain"})
    assert got.status == 415
    got = await place.client.post(path, data=b"{", headers={"Content-Type": "application/json"})
    assert (got.status, (await got.json(content_type=None))["reason"]) == (400, "body-json")


async def test_a_page_that_points_its_name_here_is_not_on_this_machine(start):
    """Where every name is answered, what this machine alone may ask asks for a name of this machine's."""
    place = await start(insecure_dev="off", trusted_proxies="192.0.2.0/24")
    assert (await place.client.get("/metrics")).status == 200
    assert (await place.client.get("/metrics", headers={"Host": "evil.example"})).status == 401
    assert (await place.client.get("/healthz", headers={"Host": "watch.example"})).status == 200
