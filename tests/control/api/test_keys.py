"""Control's HTTP door: API keys and their roles, and the log of who did what."""

from __future__ import annotations

import pytest


async def make(api, role: str, **more: object) -> str:
    return (await api("POST", "/v1/api-keys", {"name": f"a {role}", "role": role} | more, status=201))["key"]


@pytest.mark.parametrize(
    ("role", "reads", "changes", "manages"),
    [("viewer", 200, 403, 403), ("operator", 200, 200, 403), ("admin", 200, 200, 200)],
)
async def test_a_key_may_what_its_role_may(api, role: str, reads: int, changes: int, manages: int):
    key = await make(api, role)
    await api("GET", "/v1/titles", status=reads, key=key)
    await api("PUT", "/v1/titles/film", {}, status=changes, key=key)
    await api("GET", "/v1/api-keys", status=manages, key=key)
    await api("GET", "/v1/audit", status=manages, key=key)


async def test_a_change_is_its_callers(api):
    await api("PUT", "/v1/titles/film?reason=why", {}, key=await make(api, "operator"))
    latest = (await api("GET", "/v1/revisions"))["revisions"][0]
    assert (latest["author"], latest["reason"]) == ("a operator", "why")


async def test_a_key_is_shown_once_and_revoked(api):
    key = await make(api, "viewer")
    (row,) = (await api("GET", "/v1/api-keys"))["apiKeys"]
    assert key not in str(row)
    await api("DELETE", f"/v1/api-keys/{row['id']}")
    await api("GET", "/v1/titles", status=401, key=key)
    await api("DELETE", f"/v1/api-keys/{row['id']}", status=404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "a"},
        {"name": "a", "role": "king"},
        {"name": 5, "role": "viewer"},
        {"name": "a", "role": "viewer", "x": 1},
        {"name": "a", "role": "viewer", "expires": "soon"},
    ],
)
async def test_what_is_no_key_is_refused(api, body: dict):
    await api("POST", "/v1/api-keys", body, status=400)


async def test_the_log_has_pages_and_says_whether_it_holds(api):
    answer = await api("GET", "/v1/audit")
    assert (answer["broken"], answer["next"]) == (None, None)
    await api("GET", "/v1/audit?cursor=x", status=400)
