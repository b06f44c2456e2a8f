"""A token is taken out of a URL, wherever it stands, and judged by the fleet's keys."""

from __future__ import annotations

import pytest

from control.trust.url_token import split_url, token_json
from kernel.auth.signing_keys import KeySet, generate_ed25519_pem, public_jwks
from kernel.auth.token import mint

NOW = 1_800_000_000.0
PEM = generate_ed25519_pem()
KEYS = KeySet.from_jwks(public_jwks(PEM, "k1"))
TOKEN = mint(PEM, "k1", path="/cdn/eu/film/", now=NOW, ttl=600, session="s1", country="DE")
PATH = "/cdn/eu/film/v720/s1.m4s"


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        (f"/t/{TOKEN}{PATH}", PATH),
        (f"//t/{TOKEN}{PATH}", PATH),
        (f"https://user:pass@e1.example:8443/t/{TOKEN}{PATH}?a=1#x", f"https://e1.example:8443{PATH}?a=1"),
        (f"{PATH}?token={TOKEN}&a=1", f"{PATH}?a=1"),
        (f"{PATH}?a=1&URISigning%50ackage={TOKEN}", f"{PATH}?a=1"),
        (f"{PATH}?other={TOKEN}", f"{PATH}?other="),
        (f"/x/{TOKEN}/y", "/x//y"),
        (PATH, PATH),
    ],
)
def test_nothing_of_a_token_is_left_in_the_url(url: str, bare: str) -> None:
    assert split_url(url).bare == bare
    assert not any(part in split_url(url).bare for part in TOKEN.split("."))


@pytest.mark.parametrize(
    ("token", "path", "now", "revoked", "refused"),
    [
        (TOKEN, PATH, NOW, (), None),
        (TOKEN, PATH, NOW + 601, (), "token-expired"),
        (TOKEN, "/cdn/eu/other/a", NOW, (), "scope"),
        (TOKEN, PATH, NOW, ("s1",), "token-revoked"),
        (TOKEN[:-4] + "AAAA", PATH, NOW, (), "token-signature"),
        ("x", PATH, NOW, (), "token-malformed"),
    ],
)
def test_what_the_fleets_keys_say_of_it(token: str, path: str, now: float, revoked, refused: str | None) -> None:
    told = token_json(token, path, KEYS, now, frozenset(revoked))
    assert told is not None
    assert told.get("refused") == refused
    assert token_json("", path, KEYS, now, frozenset()) is None
