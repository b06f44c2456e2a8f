"""What a row of the audit log holds of a change."""

from __future__ import annotations

import json

from control.audit.entry import ACTION_SENTENCES, MAX_TEXT, MAX_TOUCHES, Action, audited_change, storable_text, text_of
from control.desired.revision_diff import ResourceChange


def test_each_action_has_its_sentence() -> None:
    assert set(ACTION_SENTENCES) == set(Action)


def test_a_few_things_stand_there_from_what_to_what() -> None:
    before, after = audited_change([ResourceChange("node", "e1", b"1", b"2"), ResourceChange("node", "e2", None, b"3")])
    assert before == {"node/e1": "1"}
    assert after == {"node/e1": "2", "node/e2": "3"}
    assert audited_change([]) == (None, None)


def test_of_many_things_their_names_and_a_digest_stand_there() -> None:
    touches = [ResourceChange("rules", f"t{n:04}", None, b"{}") for n in range(MAX_TOUCHES + 1)]
    before, after = audited_change(touches)
    assert before is None
    assert (after["things"], len(after["names"]), len(after["sha256"])) == (MAX_TOUCHES + 1, MAX_TOUCHES, 64)
    assert audited_change([*touches[:-1], touches[-1]._replace(after=b"1")])[1]["sha256"] != after["sha256"]


def test_what_is_long_is_cut_and_says_so() -> None:
    cut = json.loads(text_of("z" * (MAX_TEXT + 1)) or "")
    assert (cut["cut"], cut["bytes"], len(cut["sha256"])) == (True, MAX_TEXT + 3, 64)
    assert text_of(None) is None
    assert storable_text("a\0b\ud800" + "x" * 9, 4) == "ab?x"
