"""A mapping that is copied cheaply behaves as a dict does, and never changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from control.desired.persistent_map import PersistentMap

NAMES = st.text(max_size=3)
STEPS = st.lists(st.tuples(st.dictionaries(NAMES, st.integers()), st.sets(NAMES)), max_size=8)


@given(STEPS)
def test_it_holds_what_a_dict_would_and_what_was_handed_out_stays(steps) -> None:
    held: PersistentMap[int] = PersistentMap()
    expected: dict[str, int] = {}
    before = []
    for puts, removes in steps:
        held = held.updated(puts, removes)
        expected = {name: value for name, value in (expected | puts).items() if name not in removes}
        before.append((held, dict(expected)))
    for seen, as_it_was in before:
        assert dict(seen) == as_it_was
        assert seen == as_it_was
        assert len(seen) == len(as_it_was)
        assert sorted(seen) == sorted(as_it_was)
        assert dict(seen.items()) == as_it_was
        assert sorted(seen.values()) == sorted(as_it_was.values())
        assert all(name in seen for name in as_it_was)
        assert seen.get("absent name") is None


def test_what_is_not_touched_is_shared() -> None:
    many = PersistentMap[int]().updated({str(n): n for n in range(10_000)})
    after = many.updated({"7": 0}, ["9"])
    shared = sum(one is other for one, other in zip(many.each(), after.each(), strict=True))
    assert shared >= 1_022
    assert (many["7"], after["7"], "9" in many, "9" in after) == (7, 0, True, False)
