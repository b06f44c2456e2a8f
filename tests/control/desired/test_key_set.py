"""The fleet's set of public keys: an operator's and the services', side by side."""

from __future__ import annotations

import pytest

from control.desired import key_set
from control.desired.changes import LimitExceeded, NotFound
from control.desired.key_set import MAX_WITHDRAWN, KidTaken, put_keys, put_own_keys, retire_keys, withdraw_key
from control.desired.resources import KEY_OWNERS, Change, Desired
from kernel.auth.signing_keys import MAX_KEYS, generate_ed25519_pem, public_jwks
from kernel.documents import BadDocument
from kernel.fleet.messages import KEYS

NOW = 1_800_000_000.0
HOUR = 3_600.0


def made(kid: str) -> dict:
    return public_jwks(generate_ed25519_pem(), kid)["keys"][0]


K1, K2, S1, S2 = made("k1"), made("k2"), made("s1"), made("s2")


class Set:
    """A desired state, and what is done to it."""

    def __init__(self) -> None:
        self.desired = Desired("e")

    def does(self, change: Change) -> None:
        self.desired = self.desired.with_change(self.desired.effective(change), self.desired.revision + 1)

    def operator(self, *keys: dict) -> None:
        self.does(put_keys(self.desired, {"keys": list(keys)}))

    def services(self, *keys: dict, owner: str = "services", lifetime: float = HOUR, now: float = NOW) -> None:
        self.does(put_own_keys(self.desired, {"keys": list(keys)}, owner, lifetime, now))

    @property
    def kids(self) -> list[str]:
        return [key["kid"] for key in key_set.jwks(self.desired)["keys"]]


@pytest.fixture
def keys() -> Set:
    return Set()


def test_an_operator_replaces_the_operators_keys_and_leaves_the_services(keys: Set) -> None:
    keys.operator(K1, K2)
    keys.services(S1)
    assert keys.kids == ["k1", "k2", "s1"]
    keys.operator(K2)
    assert keys.kids == ["k2", "s1"]
    keys.operator()
    assert keys.kids == ["s1"]


def test_services_add_their_key_and_take_nobody_elses(keys: Set) -> None:
    keys.operator(K1, K2)
    keys.services(K1)  # as an operator has listed it already: it stays the operators'
    assert keys.kids == ["k1", "k2"]
    keys.services(S1)
    assert keys.kids == ["k1", "k2", "s1"]
    keys.services(S2, owner="other")
    assert not put_own_keys(keys.desired, {"keys": [S2]}, "services", HOUR, NOW).puts.get((KEY_OWNERS, "s2"))


def test_an_earlier_key_leaves_once_its_last_token_has_ended(keys: Set) -> None:
    keys.services(S1, lifetime=6 * HOUR)
    keys.services(S2, lifetime=HOUR)  # tokens of s1 were made when they lasted longer
    keys.does(retire_keys(keys.desired, NOW + 6 * HOUR))
    assert keys.kids == ["s1", "s2"]
    keys.does(retire_keys(keys.desired, NOW + 6 * HOUR + 1))
    assert keys.kids == ["s2"]
    assert not keys.desired.content(KEY_OWNERS, "s1")


def test_a_key_that_is_signed_with_again_stays(keys: Set) -> None:
    keys.services(S1)
    keys.services(S2)
    keys.services(S1)
    keys.does(retire_keys(keys.desired, NOW + 9 * HOUR))
    assert keys.kids == ["s1"]


def test_putting_the_same_again_changes_nothing(keys: Set) -> None:
    keys.services(S1)
    keys.services(S2)
    again = put_own_keys(keys.desired, {"keys": [S2]}, "services", HOUR, NOW + 60)
    assert not keys.desired.effective(again)


def test_another_key_of_the_same_name_is_refused(keys: Set) -> None:
    keys.services(S1)
    with pytest.raises(KidTaken, match="s1"):
        keys.services(made("s1"))
    keys.operator(K1)
    with pytest.raises(KidTaken):
        keys.services(made("k1"))


def test_a_key_of_a_release_that_knew_no_owners_becomes_theirs_who_sign_with_it(keys: Set) -> None:
    keys.does(Change({(KEYS, "s1"): key_set.canonical(S1)}))
    keys.services(S1)
    keys.services(S2)
    keys.does(retire_keys(keys.desired, NOW + 2 * HOUR))
    assert keys.kids == ["s2"]


def test_a_withdrawn_key_is_gone_at_once_and_does_not_come_back_by_itself(keys: Set) -> None:
    keys.operator(K1)
    keys.services(S1)
    keys.does(withdraw_key(keys.desired, "k1"))
    keys.does(withdraw_key(keys.desired, "s1"))
    assert keys.kids == []
    with pytest.raises(BadDocument, match="withdrew"):
        keys.services(S1)
    keys.services(made("s1"))
    keys.operator(K1)
    assert keys.kids == ["k1", "s1"]
    with pytest.raises(NotFound):
        withdraw_key(keys.desired, "nobody")


def test_the_set_is_bounded(keys: Set) -> None:
    keys.operator(*(made(f"k{number}") for number in range(MAX_KEYS)))
    with pytest.raises(LimitExceeded):
        keys.services(S1)
    keys.does(Change({(KEY_OWNERS, f"w{n}"): b'{"owner":"x","withdrawn":"y"}' for n in range(MAX_WITHDRAWN)}))
    keys.operator(K1)
    keys.services(S1)
    with pytest.raises(LimitExceeded, match="withdrawn"):
        withdraw_key(keys.desired, "s1")


@pytest.mark.parametrize(
    "jwks",
    [
        None,
        [],
        {"keys": [{}]},
        {"keys": [{**K1, "d": "AAAA"}]},
        {"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]},
    ],
)
def test_secrets_and_what_is_no_key_set_are_refused(jwks: object) -> None:
    with pytest.raises(BadDocument, match="keys"):
        put_keys(Desired("e"), jwks)
    with pytest.raises(BadDocument, match="keys"):
        put_own_keys(Desired("e"), jwks, "services", HOUR, NOW)


@pytest.mark.parametrize("lifetime", [-1.0, float("inf"), float("nan")])
def test_a_lifetime_is_finite(lifetime: float) -> None:
    with pytest.raises(BadDocument, match="lifetime"):
        put_own_keys(Desired("e"), {"keys": [S1]}, "services", lifetime, NOW)
