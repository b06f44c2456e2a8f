"""Documents from outside are read strictly."""

from __future__ import annotations

from math import inf

import pytest

import kernel.documents
from kernel.documents import BadDocument, kind_of, load_json, moment_text, parse_moment, shown


@pytest.mark.parametrize("data", [b"", b"{", b'{"titles": NaN}', b"\xff", b'{"a": 1, "b": 2, "b": 3}', b"[" * 100_000])
def test_what_is_no_json_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(BadDocument, match=r"JSON|twice|nested"):
        load_json(data)


def test_a_document_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.documents, "MAX_BYTES", 3)
    with pytest.raises(BadDocument, match="larger"):
        load_json(b"[1,2]")


def test_the_ends_of_the_calendar_are_never_and_for_ever() -> None:
    assert parse_moment("9999-12-31T23:59:59Z") == inf
    assert parse_moment("9999-12-31T23:59:59.999999-12:00") == inf
    assert parse_moment("0001-01-01T00:00:00+12:00") == -inf
    assert parse_moment(moment_text(inf)) == inf
    assert parse_moment(moment_text(-inf)) == -inf
    assert parse_moment(moment_text(1.5)) == 1.5


def test_an_error_names_kinds_and_shortens_texts() -> None:
    assert [kind_of(v) for v in (None, True, 1, "", [], {})] == [
        "null",
        "true or false",
        "a number",
        "a text",
        "a list",
        "an object",
    ]
    assert len(shown("x" * 1000)) < 70
