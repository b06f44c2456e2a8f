"""The audit log as a chain, followed by whoever verifies it; what of it is changed is found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from control.audit.chain import (
    GENESIS_HASH,
    BadKey,
    Break,
    Keyring,
    Verifier,
    first_break,
    is_sealed,
    row_hash,
    row_of,
    sealed,
)
from control.audit.entry import Action, AuditEntry, Author, Call, PendingRow

NOW = 1_800_000_000.0
RING = Keyring.of([b"k" * 32])
OTHER = Keyring.of([b"o" * 32])


def chain(count: int, keyring: Keyring = RING) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """So many rows, and the head after them."""
    rows: list[dict[str, Any]] = []
    previous = GENESIS_HASH
    for seq in range(1, count + 1):
        author = Author("anna", NOW + seq, "disk replaced", Call("192.0.2.1", "r1", operator=True))
        rows.append(
            row_of(
                PendingRow(author, AuditEntry(Action.NODE_DRAIN, f"e{seq}", 1, 2), seq), seq, previous, keyring, "here"
            )
        )
        previous = rows[-1]["hash"]
    return rows, sealed({"first": 1, "previous": GENESIS_HASH, "last": count, "hash": previous, "key": ""}, keyring)


def found(rows: list, head: dict | None, *, ring: Keyring = RING, anchor: Any = None, after: int = 0) -> list[Break]:
    verifier = Verifier(ring, head, anchor, after)
    verifier.add_rows([row for row in rows if row["seq"] > after])
    verifier.finish()
    return sorted(verifier.breaks)


def seqs(*found_ones: Break) -> set[int]:
    return {one.seq for one in found_ones}


def test_a_chain_as_it_was_written_holds() -> None:
    rows, head = chain(5)
    assert found(rows, head) == []
    assert found(rows, head, anchor=(3, rows[2]["hash"])) == []
    assert found(rows, head, after=3) == []
    assert found(rows, head, after=5) == []
    assert found([], None) == []


@pytest.mark.parametrize(
    "name", ["at", "actor", "action", "target", "before", "after", "reason", "request_id", "revision", "peer"]
)
@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_row_that_was_changed_is_found(name: str, seq: int) -> None:
    rows, head = chain(5)
    rows[seq - 1][name] = 77 if name in ("at", "revision") else "other"
    broken = found(rows, head)
    assert seqs(*broken) == {seq}
    assert "content was altered" in broken[0].why
    assert first_break(rows, RING) == seq


def _cut(first: int, last: int) -> Callable[[list], list]:
    return lambda rows: [row for row in rows if not first <= row["seq"] <= last]


@pytest.mark.parametrize(
    ("cut", "seq", "why"),
    [
        (_cut(1, 1), 1, "row 1 is missing"),
        (_cut(1, 3), 1, "rows 1 to 3 are missing"),
        (_cut(3, 3), 3, "row 3 is missing"),
        (_cut(5, 5), 5, "row 5 is missing: the end of the log was cut off"),
        (_cut(3, 5), 3, "rows 3 to 5 are missing: the end"),
        (_cut(1, 5), 1, "rows 1 to 5 are missing"),
    ],
)
def test_a_cut_is_found_wherever_it_is(cut: Callable, seq: int, why: str) -> None:
    rows, head = chain(5)
    broken = found(cut(rows), head)
    assert broken[0].seq == seq
    assert broken[0].why.startswith(why)


def test_a_row_changed_with_its_hash_made_anew_without_the_key_is_found() -> None:
    rows, head = chain(5)
    forged, _ = chain(5, OTHER)
    rows[1] = forged[1] | {"key": RING.current}
    assert seqs(*found(rows, head)) == {2, 3}


def test_a_chain_forged_under_another_key_is_found() -> None:
    forged, head = chain(5, OTHER)
    assert "not in the key file" in found(forged, head)[0].why
    keyless = [row | {"key": ""} for row in forged]
    assert seqs(*found(keyless, chain(5)[1])) >= {1, 5}


def test_an_old_head_put_back_with_the_rows_of_then_is_found_by_what_was_seen() -> None:
    rows, _ = chain(5)
    _, head = chain(3)
    assert found(rows[:3], head) == []
    broken = found(rows[:3], head, anchor=(5, rows[4]["hash"]))
    assert broken == [Break(4, "rows 4 to 5 are missing: the end of the log was cut off")]
    other = Author("eve", NOW)
    again = row_of(PendingRow(other, AuditEntry(Action.CHANGE, "x")), 4, rows[2]["hash"], RING, "")
    head = sealed(head | {"last": 4, "hash": again["hash"]}, RING)
    assert "not the row that control saw" in found([*rows[:3], again], head, anchor=(4, rows[3]["hash"]))[0].why


@pytest.mark.parametrize("name", ["first", "previous", "last", "hash", "mac"])
def test_a_head_that_was_changed_is_found(name: str) -> None:
    rows, head = chain(5)
    changed = head | {name: 2 if name in ("first", "last") else "1" * 64}
    assert not is_sealed(changed, RING)
    assert "head was altered" in found(rows, changed)[-1].why
    assert "head is missing" in found(rows, None)[-1].why


def test_rows_put_before_after_and_between_are_found() -> None:
    rows, head = chain(5)
    head_of_four = chain(4)[1]
    assert "added after the last" in found(rows, head_of_four)[0].why
    pruned = sealed(head | {"first": 3, "previous": rows[1]["hash"]}, RING)
    assert found(rows[2:], pruned) == []
    assert "begins with row 3" in found(rows, pruned)[0].why


def test_rows_of_an_earlier_release_come_only_before_those_with_a_key() -> None:
    rows, _ = chain(2)
    unkeyed = rows[0] | {"seq": 3, "key": "", "previous": rows[1]["hash"]}
    unkeyed["hash"] = row_hash(unkeyed, RING)
    head = sealed({"first": 1, "previous": GENESIS_HASH, "last": 3, "hash": unkeyed["hash"], "key": ""}, RING)
    assert found([*rows, unkeyed], head) == [Break(3, "it has no key, after rows with one")]
    first = rows[0] | {"key": ""}
    first["hash"] = row_hash(first, RING)
    head = sealed({"first": 1, "previous": GENESIS_HASH, "last": 1, "hash": first["hash"], "key": ""}, RING)
    assert found([first], head) == []


def test_what_control_noted_itself_is_told() -> None:
    rows, _ = chain(1)
    noted = row_of(
        PendingRow(Author("control", NOW, "the head was missing"), AuditEntry(Action.AUDIT_BROKEN, "audit")),
        2,
        rows[0]["hash"],
        RING,
        "",
    )
    head = sealed({"first": 1, "previous": GENESIS_HASH, "last": 2, "hash": noted["hash"], "key": ""}, RING)
    assert found([*rows, noted], head) == [Break(2, "control recorded here: the head was missing")]


def test_a_second_key_goes_on_where_the_first_ended() -> None:
    rows, head = chain(2)
    both = Keyring.of([b"n" * 32, b"k" * 32])
    row = row_of(PendingRow(Author("anna", NOW), AuditEntry(Action.CHANGE, "x")), 3, rows[1]["hash"], both, "")
    head = sealed(head | {"last": 3, "hash": row["hash"]}, both)
    assert found([*rows, row], head, ring=both) == []
    assert "not in the key file" in found([*rows, row], head, ring=RING)[0].why


def test_breaks_are_bounded_and_keys_are_not_shown() -> None:
    rows, head = chain(300)
    verifier = Verifier(RING, head)
    verifier.add_rows([row | {"actor": "x"} for row in rows])
    assert len(verifier.breaks) == 100
    assert verifier.more
    assert "kkk" not in repr(RING)
    with pytest.raises(BadKey):
        Keyring.of([])
