"""The last good state on disk outlives a crash, and damage is never served."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

import pytest

from edge.fleet.apply import FleetState, apply
from edge.fleet.state_file import (
    MAX_DAMAGED_FILES,
    DamagedState,
    StateFile,
    decode_state,
    encode_state,
    journal_head,
    journal_lines,
    replay_journal,
)
from edge.policy.rules import Rules
from kernel.auth.licence import Licence
from kernel.auth.signing_keys import KeySet, generate_ed25519_pem, public_jwks
from kernel.errors import StorageFailed
from kernel.fleet.messages import KEYS, NOTHING, RULES, SETTINGS, Resource, Update, Version
from kernel.vocabulary import Refusal

JWK = public_jwks(generate_ed25519_pem(), "k")["keys"][0]
STATE = FleetState(
    rules=Rules(7, Refusal.COUNTRY, {"film": Licence(allow=frozenset({"DE"}))}, {"s": inf, "t": 60.0}),
    keys=KeySet.from_jwks({"keys": [JWK]}, "e:3"),
    jwks={"k": JWK},
    versions={RULES: Version("e", 7), KEYS: Version("e", 3)},
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "new" / "folder")
    assert file.load() is None
    file.write_whole(STATE)
    loaded = file.load()
    assert loaded is not None
    assert (loaded.rules, dict(loaded.versions), dict(loaded.jwks)) == (STATE.rules, STATE.versions, STATE.jwks)
    assert loaded.keys.version == "e:3"
    assert loaded.keys.find("k") is not None
    assert sorted(path.name for path in file.folder.iterdir()) == ["state.journal", "state.json"]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_state_before_anything_was_heard_can_be_kept_too() -> None:
    assert decode_state(encode_state(FleetState())) == FleetState()


def delta(number: int, content_id: str, content: bytes = b'{"allow":["DE"]}') -> Update:
    resource = Resource(f"title/{content_id}", number, content)
    return Update(RULES, Version("e", number), "n", snapshot=False, base=number - 1, resources=(resource,))


def taken(state: FleetState, *updates: Update) -> FleetState:
    for update in updates:
        state, _ = apply(state, update)
    return state


def test_small_updates_are_appended_and_a_long_journal_begins_a_new_file(tmp_path: Path) -> None:
    file, state = StateFile(tmp_path), STATE
    file.write_whole(state)
    whole = file.path.read_bytes()
    for number in range(8, 12):
        update = delta(number, f"film-{number}")
        state = taken(state, update)
        file.store(state, [update])
        assert file.path.read_bytes() == whole
        loaded = StateFile(tmp_path).load()
        assert loaded is not None
        assert loaded.rules == state.rules
    big = replace(delta(12, "x"), resources=tuple(Resource(f"title/b{n}", 12, b"{}") for n in range(5_000)))
    state = taken(state, big)
    file.store(state, [big])
    assert file.path.read_bytes() != whole
    assert file.journal.read_bytes().count(b"\n") == 1
    loaded = StateFile(tmp_path).load()
    assert loaded is not None
    assert loaded.rules == state.rules


def test_the_first_write_of_a_process_and_a_snapshot_are_whole(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.store(STATE, [delta(7, "film")])
    assert file.load() is not None
    snapshot = replace(delta(9, "other"), snapshot=True)
    file.store(taken(STATE, snapshot), [delta(8, "film"), snapshot])
    loaded = file.load()
    assert loaded is not None
    assert set(loaded.rules.titles) == {"other"}


def test_a_journal_of_a_state_before_is_not_read(tmp_path: Path) -> None:
    """A crash between the new state and its new journal, a new epoch having begun."""
    file = StateFile(tmp_path)
    file.write_whole(STATE)
    file.store(taken(STATE, delta(8, "gone")), [delta(8, "gone")])
    journal = file.journal.read_bytes()
    rewritten = replace(STATE, versions={RULES: Version("f", 1), KEYS: Version("f", 0)})
    file.write_whole(rewritten)
    file.journal.write_bytes(journal)
    loaded = StateFile(tmp_path).load()
    assert loaded is not None
    assert set(loaded.rules.titles) == {"film"}
    file.journal.unlink()
    assert StateFile(tmp_path).load() is not None


def test_a_damaged_journal_is_set_aside_with_its_state(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.write_whole(STATE)
    for number in (8, 9):
        file.store(STATE, [delta(number, f"film-{number}")])
    data = file.journal.read_bytes()
    file.journal.write_bytes(data.replace(b"film-8", b"film-7"))
    with pytest.raises(DamagedState, match="line 1 of its journal") as caught:
        StateFile(tmp_path).load()
    assert caught.value.kept_as == tmp_path / "state.json.damaged-1"
    assert (tmp_path / "state.journal.damaged-1").exists()
    assert not file.journal.exists()


def test_a_journal_that_cannot_be_written_makes_the_next_write_whole(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.write_whole(STATE)
    file.journal.unlink()
    with pytest.raises(StorageFailed, match=r"state\.journal cannot be written"):
        file.store(STATE, [delta(8, "film")])
    file.store(taken(STATE, delta(8, "film"), delta(9, "other")), [delta(9, "other")])
    loaded = StateFile(tmp_path).load()
    assert loaded is not None
    assert "other" in loaded.rules.titles


def test_no_damage_of_one_byte_is_read(tmp_path: Path) -> None:
    data = encode_state(STATE)
    for place in range(0, len(data), 7):
        with pytest.raises(ValueError, match=r".+"):
            decode_state(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
    for length in (0, 10, len(data) - 1):
        with pytest.raises(ValueError, match=r".+"):
            decode_state(data[:length])
    with pytest.raises(ValueError, match="bytes"):
        decode_state(data + b" ")


def test_a_damaged_file_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    for number in range(1, MAX_DAMAGED_FILES + 3):
        file.path.write_bytes(b"junk %d" % number)
        with pytest.raises(DamagedState) as caught:
            file.load()
        kept = caught.value.kept_as
        assert kept == tmp_path / f"state.json.damaged-{min(number, MAX_DAMAGED_FILES)}"
        assert kept.read_bytes() == b"junk %d" % number
        assert kept.name in str(caught.value)
        assert file.load() is None


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"versions": {"rules": {"epoch": 1, "number": 1}}, "rules": {}, "jwks": {"keys": []}}',
        b'{"versions": {}, "rules": {"titles": 3}, "jwks": {"keys": []}}',
        b'{"versions": {}, "rules": {}, "jwks": {"keys": [{}]}}',
        b'{"versions": {"keys": {"epoch": "e", "number": 1}}, "rules": {}, "jwks": {"keys": [{"kid": "x"}]}}',
    ],
)
def test_a_whole_file_with_wrong_content_is_refused(body: bytes) -> None:
    import xxhash

    head = b"matinee-edge-state 1 xxh3=%s bytes=%d\n" % (xxhash.xxh3_128_hexdigest(body).encode(), len(body))
    with pytest.raises(ValueError, match=r".+"):
        decode_state(head + body)


def test_a_folder_that_cannot_be_written_is_a_storage_failure_and_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StorageFailed, match=r"state\.json cannot be written"):
        StateFile(tmp_path / "taken").write_whole(STATE)
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StorageFailed):
        StateFile(tmp_path).write_whole(STATE)
    assert not (tmp_path / "state.json.part").exists()
    with pytest.raises(StorageFailed, match="cannot be read"):
        StateFile(tmp_path).load()


def settings_update(number: int, document: bytes) -> Update:
    resource = Resource(SETTINGS, number, document)
    return Update(SETTINGS, Version("e", number), "n", snapshot=True, resources=(resource,) if document else ())


def test_documents_are_kept_in_the_journal_and_in_the_file(tmp_path: Path) -> None:
    """However large the catalogue, a document of a few hundred bytes does not rewrite it."""
    file, update = StateFile(tmp_path), settings_update(9, b'{"default_ttl":"9s"}')
    file.write_whole(STATE)
    before = file.path.stat().st_ino
    state = taken(STATE, update)
    file.store(state, [update])
    assert file.path.stat().st_ino == before
    for _ in range(2):
        loaded = StateFile(tmp_path).load()
        assert loaded is not None
        assert loaded.documents == {SETTINGS: {"default_ttl": "9s"}}
        assert loaded.version(SETTINGS).number == 9
        StateFile(tmp_path).write_whole(loaded)
    gone = taken(loaded, settings_update(10, b""))
    assert decode_state(encode_state(gone)).documents == {}
    assert decode_state(encode_state(gone)).version(SETTINGS).number == 10


def test_a_document_that_another_release_took_is_left_out_and_the_rest_is_in_force(tmp_path: Path) -> None:
    file, update = StateFile(tmp_path), settings_update(9, b'{"default_ttl":"9s"}')
    strange = replace(
        STATE, documents={SETTINGS: {"from_the_future": 1}}, versions={**STATE.versions, SETTINGS: Version("e", 9)}
    )
    file.write_whole(strange)
    loaded = file.load()
    assert loaded is not None
    assert loaded.rules == STATE.rules
    assert (loaded.documents, loaded.version(SETTINGS)) == ({}, NOTHING)
    file.store(strange, [replace(update, resources=(Resource(SETTINGS, 9, b'{"from_the_future":1}'),))])
    loaded = file.load()
    assert loaded is not None
    assert (loaded.rules, loaded.documents) == (STATE.rules, {})


class Killed(BaseException):
    """The process is gone at this very call."""


@pytest.mark.parametrize("whole", [True, False])
def test_a_process_killed_at_any_call_leaves_the_old_state_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Whatever it was about to open, write, sync or rename: the next start has one of the two, sound."""
    update = settings_update(9, b'{"default_ttl":"9s"}')
    new = taken(STATE, update)
    real = {name: getattr(os, name) for name in ("open", "fsync", "fdopen")} | {"replace": Path.replace}
    for number in range(1, 20):
        file = StateFile(tmp_path / str(number))
        file.write_whole(STATE)
        left = number

        def dies(name: str, *args: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return real[name](*args, **more)

        with monkeypatch.context() as patched:
            for name in ("open", "fsync", "fdopen"):
                patched.setattr(f"os.{name}", partial(dies, name))
            patched.setattr(Path, "replace", lambda *args: dies("replace", *args))
            try:
                file.write_whole(new) if whole else file.store(new, [update])
            except Killed:
                pass
            else:
                break
        loaded = StateFile(tmp_path / str(number)).load()
        assert loaded is not None
        assert loaded.rules == STATE.rules
        assert loaded.documents in ({}, {SETTINGS: {"default_ttl": "9s"}})
    else:
        raise AssertionError("it never came to its end")
    assert number > 2


BASE = b"the state file"


def update(number: int, name: str, *removed: str, snapshot: bool = False) -> Update:
    resource = Resource(f"title/{name}", number, b'{"allow":["DE"]}')
    return Update(RULES, Version("e", number), "n", snapshot, number - 1, (resource,), removed)


UPDATES = (update(1, "a", snapshot=True), update(2, "b"), update(3, "c", "title/a"))


def test_what_was_taken_is_taken_again() -> None:
    state = FleetState()
    for one in UPDATES:
        state, _ = apply(state, one)
    assert replay_journal(FleetState(), journal_head(BASE) + journal_lines(UPDATES), BASE) == state


def test_a_line_that_was_cut_short_is_as_if_it_had_not_come() -> None:
    journal = journal_head(BASE) + journal_lines(UPDATES)
    before = replay_journal(FleetState(), journal_head(BASE) + journal_lines(UPDATES[:2]), BASE)
    for cut in range(1, len(journal_lines(UPDATES[2:]))):
        assert replay_journal(FleetState(), journal[:-cut], BASE) == before


@pytest.mark.parametrize("journal", [b"", b"junk", journal_head(b"another") + b"junk\n"])
def test_the_journal_of_another_state_is_not_read(journal: bytes) -> None:
    assert replay_journal(FleetState(), journal, BASE) == FleetState()


def test_damage_is_reported_with_its_line() -> None:
    journal = journal_head(BASE) + journal_lines(UPDATES)
    with pytest.raises(ValueError, match="line 2 of its journal has a wrong checksum"):
        replay_journal(FleetState(), journal.replace(b"title/b", b"title/x"), BASE)
    with pytest.raises(ValueError, match="line 1 of its journal does not fit"):
        replay_journal(FleetState(), journal_head(BASE) + journal_lines(UPDATES[1:]), BASE)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"type":"rules","epoch":"e","number":1,"base":0,"snapshot":true,"resources":[1],"removed":[]}'],
)
def test_a_line_that_is_no_update_is_damage(body: bytes) -> None:
    import xxhash

    line = xxhash.xxh3_64_hexdigest(body).encode() + b" " + body + b"\n"
    with pytest.raises(ValueError, match=r".+"):
        replay_journal(FleetState(), journal_head(BASE) + line, BASE)
