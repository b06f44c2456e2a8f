"""The signing key and its name: two keys never go by one name, and control is told of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.errors import BadRequest, BadSettings
from services.fleet.signing_key import MAX_NAMES, KeyPublisher, NamedSigningKey

A, B = (SigningKey.from_pem(generate_ed25519_pem()) for _ in range(2))


def test_a_key_keeps_its_name_and_another_under_it_gets_its_own(tmp_path: Path) -> None:
    names = tmp_path / "names"
    assert NamedSigningKey(A, "m", names).kid == "m"
    assert NamedSigningKey(A, "m", names).kid == "m"
    second = NamedSigningKey(B, "m", names)
    assert second.kid.startswith("m-")
    assert second.jwks["keys"][0]["kid"] == second.kid
    assert NamedSigningKey(B, "m", names).kid == second.kid
    assert NamedSigningKey(A, "m", names).kid == "m"
    assert NamedSigningKey(B, "n", names).kid == "n"


def test_a_name_that_control_knows_of_another_key_is_left_for_good(tmp_path: Path) -> None:
    own = NamedSigningKey(A, "m", tmp_path / "names")
    assert own.use_fallback_name()
    assert not own.use_fallback_name()
    assert NamedSigningKey(A, "m", tmp_path / "names").kid == own.kid


def test_what_is_no_name_and_what_is_no_list_of_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="kid"):
        NamedSigningKey(A, " ", tmp_path / "names")
    (tmp_path / "names").write_text("[]")
    with pytest.raises(BadSettings, match="names"):
        NamedSigningKey(A, "m", tmp_path / "names")
    (tmp_path / "names").write_text("{")
    with pytest.raises(BadSettings, match="names"):
        NamedSigningKey(A, "m", tmp_path / "names")


def test_names_are_bounded(tmp_path: Path) -> None:
    for number in range(MAX_NAMES + 5):
        NamedSigningKey(A, f"m{number}", tmp_path / "names")
    assert NamedSigningKey(B, "m0", tmp_path / "names").kid == "m0"


class Control:
    def __init__(self, *taken: str) -> None:
        self.taken = taken
        self.held: list[tuple[str, str, float]] = []

    async def put_keys(self, jwks, *, owner="", lifetime=0.0):
        kid = jwks["keys"][0]["kid"]
        if kid in self.taken:
            raise BadRequest(409, "kid-taken")
        self.held.append((kid, owner, lifetime))


async def test_control_is_told_whose_the_key_is_and_how_long_its_tokens_hold(tmp_path: Path) -> None:
    control = Control()
    await KeyPublisher(control, NamedSigningKey(A, "m", tmp_path / "names"), "s1", 60.0).publish_key()
    assert control.held == [("m", "s1", 60.0)]


async def test_a_name_that_is_taken_is_left(tmp_path: Path) -> None:
    control, own = Control("m"), NamedSigningKey(A, "m", tmp_path / "names")
    await KeyPublisher(control, own, "s1", 60.0).publish_key()
    assert control.held == [(own.kid, "s1", 60.0)]
    with pytest.raises(BadRequest):
        await KeyPublisher(Control("m", own.kid), own, "s1", 60.0).publish_key()
