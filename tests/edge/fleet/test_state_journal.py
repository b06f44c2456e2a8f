"""The updates taken since the last good state was written whole."""

from __future__ import annotations

import pytest

from edge.fleet.apply import State, apply
from edge.fleet.state_journal import beginning, lines, replay
from kernel.fleet.messages import RULES, Resource, Update, Version

BASE = b"the state file"


def update(number: int, name: str, *removed: str, snapshot: bool = False) -> Update:
    resource = Resource(f"title/{name}", number, b'{"allow":["DE"]}')
    return Update(RULES, Version("e", number), "n", snapshot, number - 1, (resource,), removed)


UPDATES = (update(1, "a", snapshot=True), update(2, "b"), update(3, "c", "title/a"))


def test_what_was_taken_is_taken_again() -> None:
    state = State()
    for one in UPDATES:
        state, _ = apply(state, one)
    assert replay(State(), beginning(BASE) + lines(UPDATES), BASE) == state


def test_a_line_that_was_cut_short_is_as_if_it_had_not_come() -> None:
    journal = beginning(BASE) + lines(UPDATES)
    before = replay(State(), beginning(BASE) + lines(UPDATES[:2]), BASE)
    for cut in range(1, len(lines(UPDATES[2:]))):
        assert replay(State(), journal[:-cut], BASE) == before


@pytest.mark.parametrize("journal", [b"", b"junk", beginning(b"another") + b"junk\n"])
def test_the_journal_of_another_state_is_not_read(journal: bytes) -> None:
    assert replay(State(), journal, BASE) == State()


def test_damage_is_told_with_its_line() -> None:
    journal = beginning(BASE) + lines(UPDATES)
    with pytest.raises(ValueError, match="line 2 of its journal has a wrong checksum"):
        replay(State(), journal.replace(b"title/b", b"title/x"), BASE)
    with pytest.raises(ValueError, match="line 1 of its journal does not fit"):
        replay(State(), beginning(BASE) + lines(UPDATES[1:]), BASE)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"type":"rules","epoch":"e","number":1,"base":0,"snapshot":true,"resources":[1],"removed":[]}'],
)
def test_a_line_that_is_no_update_is_damage(body: bytes) -> None:
    import xxhash

    line = xxhash.xxh3_64_hexdigest(body).encode() + b" " + body + b"\n"
    with pytest.raises(ValueError, match=r".+"):
        replay(State(), beginning(BASE) + line, BASE)
