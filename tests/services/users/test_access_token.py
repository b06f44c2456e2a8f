"""Access tokens: what verifies, for how long, and what does not."""

import jwt
import pytest

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from services.users.access_token import LEEWAY_SECONDS, AccessClaims, AccessTokens

NOW = 1_800_000_000.0
CLAIMS = AccessClaims("a-" + "0" * 24, ("p-" + "1" * 24,), "d-1", "f-1", NOW, NOW + 900)


@pytest.fixture(scope="module")
def key():
    return SigningKey.from_pem(generate_ed25519_pem())


def test_a_token_says_what_was_signed_until_it_expires(key):
    tokens = AccessTokens(key)
    token = tokens.mint(CLAIMS)
    assert tokens.verify(token, NOW) == CLAIMS
    assert tokens.verify(token, NOW + 900 + LEEWAY_SECONDS - 1) == CLAIMS
    assert tokens.verify(token, NOW + 900 + LEEWAY_SECONDS) is None


def test_other_keys_algorithms_and_issuers_are_refused(key):
    tokens = AccessTokens(key)
    body = {"iss": "matinee-accounts", "sub": CLAIMS.account_id, "pid": [], "iat": int(NOW), "exp": int(NOW) + 900}
    other = SigningKey.from_pem(generate_ed25519_pem())
    for token in (
        AccessTokens(other).mint(CLAIMS),
        jwt.encode(body, "x" * 32, algorithm="HS256"),
        jwt.encode(body, None, algorithm="none"),
        jwt.encode(body | {"iss": "somebody"}, key.material, algorithm="EdDSA"),
        tokens.mint(CLAIMS)[:-4] + "AAAA",
        "x" * 5_000,
        "",
    ):
        assert tokens.verify(token, NOW) is None


@pytest.mark.parametrize(
    "change",
    [
        {"sub": "admin"},
        {"sub": None},
        {"pid": "p-1"},
        {"pid": ["../x"]},
        {"exp": "later"},
        {"exp": None},
        {"iat": None},
    ],
)
def test_signed_claims_of_another_form_are_refused(key, change):
    body = {"iss": "matinee-accounts", "sub": CLAIMS.account_id, "pid": [], "iat": int(NOW), "exp": int(NOW) + 900}
    body = {name: value for name, value in (body | change).items() if value is not None}
    assert AccessTokens(key).verify(jwt.encode(body, key.material, algorithm="EdDSA"), NOW) is None


def test_a_token_that_was_verified_once_expires_all_the_same():
    tokens = AccessTokens(SigningKey.from_pem(generate_ed25519_pem()))
    account, profile = "a-" + "0" * 24, "p-" + "0" * 24
    token = tokens.mint(AccessClaims(account, (profile,), "d", "f", 1_000.0, 1_900.0))
    assert tokens.verify(token, 1_000.0) == tokens.verify(token, 1_001.0) is not None
    assert tokens.verify(token, 5_000.0) is None
    assert tokens.verify(token[:-4] + "AAAA", 1_000.0) is None
