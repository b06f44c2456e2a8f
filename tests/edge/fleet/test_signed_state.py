"""The last good state as control signed it: what is not so is set aside, never served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import edge.fleet.signed_state as module
from edge.fleet.apply import FleetState, apply
from edge.fleet.signed_state import SignedState
from edge.fleet.state_file import DamagedState
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import StorageFailed
from kernel.fleet.messages import KEYS, RULES, SETTINGS, Resource, Update, Version
from kernel.fleet.signed import NotSigned, signed
from tests.certificates import fleet_authority

AUTHORITY, OTHER = fleet_authority(), fleet_authority()
CA_PEM, OTHER_PEM = AUTHORITY.pem, OTHER.pem
OURS, OTHERS = AUTHORITY.key, OTHER.key
JWK = public_jwks(generate_ed25519_pem(), "k")["keys"][0]


def rules(
    number: int, *names: str, base: int | None = None, epoch: str = "e", key: ec.EllipticCurvePrivateKey = OURS
) -> Update:
    """A snapshot, or a delta from `base`."""
    resources = tuple(Resource(f"title/{name}", number, b'{"allow":["DE"]}') for name in names)
    made = Update(RULES, Version(epoch, number), "n", snapshot=base is None, base=base or 0, resources=resources)
    return signed(made, key)


def document(number: int, content: bytes = b"{}", edge: str = "e1") -> Update:
    made = Update(SETTINGS, Version("e", number), "n", snapshot=True, resources=(Resource(SETTINGS, number, content),))
    return signed(made, OURS, edge)


def signed_state(folder: Path, pem: bytes | None = CA_PEM, edge: str = "e1") -> SignedState:
    return SignedState(folder, edge, lambda: pem)


def kept(folder: Path, *updates: Update) -> FleetState:
    """Keep them, each by itself, as an edge does."""
    file, state = signed_state(folder), FleetState()
    for update in updates:
        state, _ = apply(state, update)
        file.store(state, [update])
    return state


CHAIN = (rules(3, "a", "b"), document(4), rules(5, "c", base=3), rules(6, base=5), document(7))


def test_what_was_kept_is_loaded_in_another_process(tmp_path: Path) -> None:
    state = kept(tmp_path / "new", *CHAIN)
    loaded = signed_state(tmp_path / "new").load()
    assert loaded is not None
    assert loaded.rules == state.rules
    assert dict(loaded.versions) == dict(state.versions)
    assert set(loaded.rules.titles) == {"a", "b", "c"}
    assert (tmp_path / "new" / "state.signed").stat().st_mode & 0o777 == 0o600
    assert signed_state(tmp_path / "nothing").load() is None


def test_what_is_taken_away_stays_away(tmp_path: Path) -> None:
    gone = signed(replace(rules(4, "c", base=3), removed=("title/a",)), OURS)
    kept(tmp_path, rules(3, "a", "b"), gone)
    loaded = signed_state(tmp_path).load()
    assert loaded is not None
    assert set(loaded.rules.titles) == {"b", "c"}


def test_another_process_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    kept(tmp_path, *CHAIN)
    file = signed_state(tmp_path)
    state = file.load()
    assert state is not None
    file.store(state, [rules(8, "d", base=6)])
    loaded = signed_state(tmp_path).load()
    assert loaded is not None
    assert set(loaded.rules.titles) == {"a", "b", "c", "d"}


def test_a_line_cut_short_by_a_crash_is_as_if_it_had_not_come_and_is_written_over(tmp_path: Path) -> None:
    kept(tmp_path, *CHAIN[:2])
    path = tmp_path / "state.signed"
    before = path.read_bytes()
    kept(tmp_path / "more", *CHAIN[:3])
    line = (tmp_path / "more" / "state.signed").read_bytes()[len(before) :]
    for cut in (1, len(line) // 2, len(line) - 1):
        path.write_bytes(before + line[:cut])
        file = signed_state(tmp_path)
        state = file.load()
        assert state is not None
        assert set(state.rules.titles) == {"a", "b"}
        file.store(state, [CHAIN[2]])
        assert path.read_bytes() == before + line


def test_no_damage_is_loaded(tmp_path: Path) -> None:
    kept(tmp_path, *CHAIN)
    path = tmp_path / "state.signed"
    data = path.read_bytes()
    for place in range(0, len(data) - 1, 37):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DamagedState):
            signed_state(tmp_path).load()
    assert (tmp_path / "state.signed.damaged-1").exists()
    assert not path.exists()


@pytest.mark.parametrize(
    ("updates", "why"),
    [
        ([rules(3, "a", key=OTHERS)], "line 1: rules version 3 has a wrong signature"),
        ([replace(rules(3, "a"), signature=b"")], "is not signed"),
        ([rules(3, "a"), replace(rules(4, "b", base=3), removed=("title/a",))], "line 2: .*wrong signature"),
        ([rules(3, "a"), rules(5, "b", base=4)], "lacks what came between 3 and 4"),
        ([rules(5, "b", base=4)], "begins with a delta"),
        ([rules(6, "a"), rules(5, "b")], "goes back from 6 to 5"),
        ([rules(3, "a"), rules(1, "b", epoch="f"), rules(9, "c")], "an epoch that was over"),
        ([document(3, edge="e2")], "wrong signature"),
    ],
)
def test_what_was_put_together_by_somebody_else_is_refused(tmp_path: Path, updates: list[Update], why: str) -> None:
    from edge.fleet.state_file import encode_update

    lines = b"".join(map(encode_update, updates))
    (tmp_path / "state.signed").write_bytes(b"matinee-edge-state 2\n" + lines)
    with pytest.raises(DamagedState, match=why):
        signed_state(tmp_path).load()


def test_the_file_of_another_fleet_or_edge_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, *CHAIN)
    data = (tmp_path / "state.signed").read_bytes()
    for file in (signed_state(tmp_path, OTHER_PEM), signed_state(tmp_path, edge="e2")):
        (tmp_path / "state.signed").write_bytes(data)
        with pytest.raises(DamagedState):
            file.load()


def test_before_it_has_joined_an_edge_believes_nothing(tmp_path: Path) -> None:
    kept(tmp_path, *CHAIN)
    file = signed_state(tmp_path, None)
    assert file.load() is None
    with pytest.raises(NotSigned, match="not joined"):
        file.verify(CHAIN[0])


def test_useless_lines_are_left_out_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_DEAD_BYTES", 2_000)
    file, state, longest = signed_state(tmp_path), FleetState(), 0
    for update in (rules(1, "a"), rules(2, "b", base=1), *(document(n) for n in range(3, 60))):
        state, _ = apply(state, update)
        file.store(state, [update])
        longest = max(longest, (tmp_path / "state.signed").stat().st_size)
    assert longest < 5_000
    loaded = signed_state(tmp_path).load()
    assert loaded is not None
    assert set(loaded.rules.titles) == {"a", "b"}
    assert loaded.version(SETTINGS).number == 59


def test_many_deltas_ask_for_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DELTAS", 2)
    file = signed_state(tmp_path)
    file.store(FleetState(), [rules(1, "a")])
    for number in range(2, 5):
        assert not file.wants_snapshot(RULES)
        file.store(FleetState(), [rules(number, "b", base=number - 1)])
    assert file.wants_snapshot(RULES)
    assert not file.wants_snapshot(KEYS)
    file.store(FleetState(), [rules(5, "c")])
    assert not file.wants_snapshot(RULES)


def test_what_could_not_be_written_is_written_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    file = signed_state(tmp_path / "taken")
    with pytest.raises(StorageFailed, match=r"state\.signed cannot be written"):
        file.store(FleetState(), [CHAIN[0]])
    (tmp_path / "taken").unlink()
    file.store(FleetState(), [CHAIN[1]])
    loaded = signed_state(tmp_path / "taken").load()
    assert loaded is not None
    assert set(loaded.versions) == {RULES, SETTINGS}


def test_a_lost_file_is_rewritten_from_the_next_snapshots(tmp_path: Path) -> None:
    file = signed_state(tmp_path)
    file.store(FleetState(), [rules(1, "a")])
    (tmp_path / "state.signed").unlink()
    with pytest.raises(StorageFailed):
        file.store(FleetState(), [rules(2, "b", base=1)])
    assert file.wants_snapshot(RULES)
    file.store(FleetState(), [rules(3, "c")])
    loaded = signed_state(tmp_path).load()
    assert loaded is not None
    assert set(loaded.rules.titles) == {"c"}


def test_a_document_of_another_release_is_left_out(tmp_path: Path) -> None:
    kept(tmp_path, rules(1, "a"))
    file = signed_state(tmp_path)
    assert file.load() is not None
    file.store(FleetState(), [document(5, b"[]")])
    loaded = signed_state(tmp_path).load()
    assert loaded is not None
    assert set(loaded.versions) == {RULES}
