"""Sealed values: only the right key and the right row open them; keys rotate and come from three kinds of places."""

import base64
import sys

import pytest

from kernel.errors import BadSettings, StorageFailed
from system.sealing import SealingKeys, load_sealing_keys, make_key_line, read_sealing_keys

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_value_opens_only_in_its_own_row():
    keys = SealingKeys({"k1": OLD})
    sealed = keys.seal(b"ann@example.org", "accounts.email.a1")
    assert "ann" not in sealed
    assert keys.open(sealed, "accounts.email.a1") == b"ann@example.org"
    with pytest.raises(StorageFailed, match="another row"):
        keys.open(sealed, "accounts.email.a2")


def test_the_same_value_is_sealed_differently_each_time():
    keys = SealingKeys({"k1": OLD})
    assert keys.seal(b"x", "c") != keys.seal(b"x", "c")


@pytest.mark.parametrize(
    "change", [lambda text: text[:-4] + "AAA=", lambda text: text[:-2], lambda text: "sealed1.k1."]
)
def test_a_changed_value_does_not_open(change):
    keys = SealingKeys({"k1": OLD})
    with pytest.raises(StorageFailed, match="damaged"):
        keys.open(change(keys.seal(b"value", "c")), "c")


def test_older_values_open_after_a_rotation_and_are_sealed_again():
    sealed = SealingKeys({"k1": OLD}).seal(b"value", "c")
    rotated = SealingKeys({"k2": NEW, "k1": OLD})
    assert rotated.open(sealed, "c") == b"value"
    assert rotated.needs_resealing(sealed)
    assert not rotated.needs_resealing(rotated.seal(b"value", "c"))
    with pytest.raises(StorageFailed, match="'k1', which the key file does not hold"):
        SealingKeys({"k2": NEW}).open(sealed, "c")


def test_keys_come_from_a_file_the_environment_or_a_command(tmp_path, monkeypatch):
    line = make_key_line("k1").decode()
    file = tmp_path / "keys"
    file.write_text(f"# newest first\n{line}")
    file.chmod(0o600)
    printing = f"command:{sys.executable} -c \"print('{line.strip()}')\""
    sealed = read_sealing_keys(line, "s").seal(b"value", "c")
    for source in (str(file), "env:KEYS", printing):
        assert load_sealing_keys(source, "s", {"KEYS": line}).open(sealed, "c") == b"value"


SHORT = base64.b64encode(b"x" * 31).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "1 to 20 keys"),
        (f"k1:{SHORT}", "line 1"),
        ("k1 hunter2hunter2hunter2hunter2hunter2hunter2hunter2", "line 1"),
        ("K1:" + base64.b64encode(OLD).decode(), "line 1"),
        (f"k1:{base64.b64encode(OLD).decode()}\nk1:{base64.b64encode(NEW).decode()}", "line 2 repeats"),
    ],
)
def test_a_bad_key_file_is_named_by_line_and_never_shown(text, why):
    with pytest.raises(BadSettings, match=why) as refused:
        read_sealing_keys(text, "master_key")
    assert "hunter2" not in str(refused.value)
    assert SHORT not in str(refused.value)


def test_a_file_that_others_may_read_and_a_command_that_fails_are_told(tmp_path):
    file = tmp_path / "keys"
    file.write_bytes(make_key_line("k1"))
    file.chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 600"):
        load_sealing_keys(str(file), "master_key", {})
    script = "import sys; print('no vault', file=sys.stderr); sys.exit(3)"
    with pytest.raises(BadSettings, match="exited with 3: no vault"):
        load_sealing_keys(f'command:{sys.executable} -c "{script}"', "master_key", {})
    with pytest.raises(BadSettings, match="is not set"):
        load_sealing_keys("env:NO_SUCH", "master_key", {})
