"""`matinee token keygen`: a private key that only its owner reads, and a key set that edges take."""

import stat

import pytest

from kernel.auth.signing_keys import KeySet, SigningKey
from kernel.auth.token import mint, verify
from tools import cli


def keygen(folder, kid="k1", out="key.pem", *more):
    return cli.main(
        ["token", "keygen", "--out", str(folder / out), "--kid", kid, "--jwks", str(folder / "keys.json"), *more]
    )


def key_set(folder):
    return KeySet.from_json((folder / "keys.json").read_bytes())


def test_the_two_halves_fit(tmp_path):
    assert keygen(tmp_path) == 0
    signer = SigningKey.from_pem((tmp_path / "key.pem").read_bytes())
    assert verify(mint(signer, "k1", path="/cdn/eu/t/", now=0, ttl=9), key_set(tmp_path)).prefix == b"/cdn/eu/t/"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["key.pem", "keys.json"]


def test_a_second_key_is_added_beside_the_first(tmp_path):
    assert keygen(tmp_path) == 0
    assert keygen(tmp_path, "k2", "new.pem", "--add") == 0
    assert {key.kid for key in key_set(tmp_path)} == {"k1", "k2"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("k2", "key.pem"), "setting `out`"),
        (("k2", "new.pem"), "setting `jwks`"),
        (("k1", "new.pem", "--add"), "two keys have the kid 'k1'"),
        (("", "new.pem"), "setting `kid`"),
        (("a\tb", "new.pem"), "setting `kid`"),
    ],
)
def test_nothing_is_overwritten(tmp_path, capsys, arguments, said):
    assert keygen(tmp_path) == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert keygen(tmp_path, *arguments) == 2
    assert said in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [None, "{", "[]", b"\xff"])
def test_a_key_set_that_cannot_be_added_to(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "keys.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert keygen(tmp_path, "k", "key.pem", "--add") == 2
    assert "setting `jwks`" in capsys.readouterr().err
    assert not (tmp_path / "key.pem").exists()


def test_a_write_that_fails_leaves_nothing(tmp_path, capsys, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert keygen(tmp_path) == 2
    assert "setting `jwks`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert keygen(tmp_path / "nowhere") == 2
    assert "setting `jwks`" in capsys.readouterr().err
