"""The signing key: made once, private, its public set always beside it."""

import json

import pytest

from kernel.auth.signing_keys import KeySet
from kernel.errors import BadSettings
from tools.up.keys import ensure_keys


def test_keys_are_made_once_and_only_the_owner_reads_them(tmp_path):
    key, key_set = tmp_path / "keys" / "signing.pem", tmp_path / "keys" / "jwks.json"
    ensure_keys(key, key_set, "k1")
    before = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    key_set.unlink()
    ensure_keys(key, key_set, "k1")
    assert key.read_bytes() == before
    assert KeySet.from_json(key_set.read_bytes()).find("k1") is not None
    assert "d" not in json.loads(key_set.read_text())["keys"][0]


def test_a_half_written_key_of_a_killed_start_is_written_anew(tmp_path):
    (tmp_path / "signing.pem.part").write_bytes(b"-----BEG")
    ensure_keys(tmp_path / "signing.pem", tmp_path / "jwks.json", "k1")
    assert not (tmp_path / "signing.pem.part").exists()


def test_a_file_that_is_no_key_is_named_and_not_overwritten(tmp_path):
    key = tmp_path / "signing.pem"
    key.write_text("hello")
    with pytest.raises(BadSettings, match=r"signing\.pem is not usable"):
        ensure_keys(key, tmp_path / "jwks.json", "k1")
    assert key.read_text() == "hello"
