"""Control's HTTP door: who may in, and how he is answered."""

from __future__ import annotations


async def test_a_body_has_a_bound(api) -> None:
    await api("PUT", "/v1/titles/film", b" " * (1 << 20) + b"{}", status=413)


async def test_nothing_is_told_without_the_key(api) -> None:
    for path in ("/v1/titles", "/v1/keys", "/v1/edges", "/nowhere"):
        await api("GET", path, status=401, key="")
        await api("GET", path, status=401, key="a-key-of-another")
    await api("PUT", "/v1/titles/film", {}, status=401, key="")


async def test_what_does_not_exist_is_a_problem_too(api) -> None:
    await api("GET", "/nowhere", status=404)
    await api("POST", "/v1/titles/film", {}, status=405)
