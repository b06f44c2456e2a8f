"""Control's HTTP door: licences, public keys, revocations, revisions."""

from __future__ import annotations

import pytest

from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks

JWKS = public_jwks(generate_ed25519_pem(), "k1")


async def test_a_title_is_put_shown_and_forgotten(api) -> None:
    put = await api(
        "PUT", "/v1/titles/film?reason=premiere", {"allow": ["fr", "DE"], "until": "2030-01-01T01:00:00+01:00"}
    )
    assert put == {"contentId": "film", "allow": ["DE", "FR"], "until": "2030-01-01T00:00:00+00:00", "revision": 1}
    shown = await api("GET", "/v1/titles/film")
    assert shown == {"contentId": "film", "allow": ["DE", "FR"], "until": "2030-01-01T00:00:00+00:00"}
    assert (await api("GET", "/v1/revisions"))["revisions"][0]["reason"] == "premiere"
    await api("DELETE", "/v1/titles/film")
    await api("GET", "/v1/titles/film", status=404)
    await api("DELETE", "/v1/titles/film", status=404)
    await api("DELETE", "/v1/titles/..%2Ffilm", status=400)


async def test_titles_are_listed_in_pages(api) -> None:
    for name in ("c", "a", "b"):
        await api("PUT", f"/v1/titles/{name}", {})
    first = await api("GET", "/v1/titles?limit=2")
    assert ([title["contentId"] for title in first["titles"]], first["next"]) == (["a", "b"], "b")
    rest = await api("GET", "/v1/titles?limit=2&cursor=b")
    assert ([title["contentId"] for title in rest["titles"]], rest["next"]) == (["c"], None)
    for limit in ("0", "x", "-1", "1001", "9" * 30):
        await api("GET", f"/v1/titles?limit={limit}", status=400)


async def test_keys_are_replaced_as_a_set(api) -> None:
    assert (await api("PUT", "/v1/keys", JWKS))["keys"] == JWKS["keys"]
    assert await api("GET", "/v1/keys") == JWKS
    wrong = await api("PUT", "/v1/keys", {"keys": [JWKS["keys"][0] | {"d": "AAAA"}]}, status=400)
    assert "private" in wrong["detail"]
    assert "AAAA" not in str(wrong)


async def test_a_session_is_revoked(api) -> None:
    await api("POST", "/v1/revocations", {"sid": "s1", "until": "2030-01-01T00:00:00Z"}, status=201)
    wrong = await api("POST", "/v1/revocations", {"sid": "s1", "til": 1}, status=400)
    assert "til" in wrong["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"allow": "DE"}', b'{"allow": [], "allow": null}', b"\xff"])
async def test_a_body_that_is_no_licence_is_refused(api, body: bytes) -> None:
    assert (await api("PUT", "/v1/titles/film", body, status=400))["reason"] == "bad-document"
    assert (await api("GET", "/v1/titles"))["titles"] == []
