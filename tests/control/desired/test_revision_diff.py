"""What a revision changed, kept small and read back whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import control.desired.revision_diff
from control.desired.revision_diff import ResourceChange, invert, pack, squash, summary, touch_json, unpack

CONTENT = st.none() | st.sampled_from([b"{}", b'{"a":1}', '"é"'.encode()])
TOUCHES = st.lists(st.builds(ResourceChange, st.sampled_from(["rules", "node"]), st.text(max_size=3), CONTENT, CONTENT))


@given(TOUCHES)
def test_what_is_packed_is_unpacked(touches: list[ResourceChange]) -> None:
    assert unpack(pack(touches) or b"") == tuple(touches)


@given(st.lists(TOUCHES, max_size=4))
def test_several_revisions_together_and_their_way_back(revisions: list[list[ResourceChange]]) -> None:
    state: dict[tuple[str, str], bytes | None] = {}
    real = []  # each touch's `before` is what is there
    for touches in revisions:
        real.append(
            [one._replace(before=state.get(one[:2])) for one in {touch[:2]: touch for touch in touches}.values()]
        )
        state |= {one[:2]: one.after for one in real[-1]}
    whole = squash(real)
    assert {one[:2]: one.after for one in whole} == {key: value for key, value in state.items() if value is not None}
    assert not squash([whole, invert(whole)])


def test_damage_is_told_and_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpack(b"junk")
    touches = [ResourceChange("rules", "title/a", None, b"{}")]
    kept = pack(touches)
    monkeypatch.setattr(control.desired.revision_diff, "MAX_BYTES", 10)
    assert pack(touches) is None
    with pytest.raises(ValueError, match="damaged"):
        unpack(kept or b"")


def test_how_it_is_shown() -> None:
    touch = ResourceChange("rules", "title/a", None, b'{"allow":null}')
    assert touch_json(touch) == {"kind": "rules", "name": "title/a", "before": None, "after": {"allow": None}}
    many = [
        touch,
        ResourceChange("node", "e1", b"{}", None),
        *(ResourceChange("rules", f"t{n}", None, b"{}") for n in range(30)),
    ]
    told = summary(many)
    assert (told["puts"], told["removes"], len(told["names"]), told["kinds"]) == (31, 1, 20, ["node", "rules"])
