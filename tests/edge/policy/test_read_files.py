"""Rules and keys from files: what is wrong with them is said with the file's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.policy.read_files import read_keys, read_rules
from edge.policy.rules import Rules
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import BadSettings


def test_without_files_everything_is_allowed_and_no_key_verifies() -> None:
    """The edge alone."""
    assert read_rules(None) == Rules()
    assert len(read_keys(None)) == 0


def test_good_files_are_read(tmp_path: Path) -> None:
    """RULES.json and a JWKS."""
    (tmp_path / "rules.json").write_text(json.dumps({"default": "deny"}))
    (tmp_path / "keys.json").write_text(json.dumps(public_jwks(generate_ed25519_pem(), "k1")))
    assert read_rules(tmp_path / "rules.json").unlisted is not None
    assert read_keys(tmp_path / "keys.json").find("k1") is not None


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"titles": 5}', '{"keys": [{"kty": "oct"}]}', "\0"])
@pytest.mark.parametrize("read", [read_rules, read_keys])
def test_bad_files_name_the_setting_and_the_file(tmp_path: Path, content: str | None, read) -> None:
    """One sentence for the operator, whatever is wrong."""
    file = tmp_path / "file.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadSettings) as caught:
        read(file)
    assert "file.json" in str(caught.value)
    assert caught.value.setting in ("rules", "keys")
