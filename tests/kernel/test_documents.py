"""Documents from outside are read strictly."""

from __future__ import annotations

from math import inf

import pytest

import kernel.documents
from kernel.documents import BadDocument, kind_of, load_json, moment_text, parse_moment, shown, whole_numbers


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


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"a": [1, {"b": 1e999}]}', "a[1].b"),
        (b'{"a": -1e999}', "a"),
        (b'{"a": 12345678901234567890}', "a"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "a"),
        (b'{"a": NaN}', "a"),
        (b'{"a": {"b": "x\\u0000"}}', "a.b"),
        (b'["\\ud800"]', "[0]"),
        (b'{"a": {"\\udfff": 1}}', "a"),
    ],
)
def test_what_no_database_can_hold_is_refused_with_its_place(data: bytes, path: str) -> None:
    with pytest.raises(BadDocument) as caught:
        load_json(data)
    assert caught.value.path == path
    assert len(str(caught.value)) < 100


def test_a_surrogate_pair_is_a_letter_and_64_bits_are_a_number() -> None:
    assert load_json(b'["\\ud83d\\ude00", 9223372036854775807, -1.5e3]') == ["\U0001f600", 2**63 - 1, -1500.0]


def test_a_whole_number_is_an_int_however_it_is_written() -> None:
    found = whole_numbers({"a": [431.0, 4.5, True, "1.0", None], "b": {"c": -0.0}, "d": 1e300})
    assert repr(found) == "{'a': [431, 4.5, True, '1.0', None], 'b': {'c': 0}, 'd': 1e+300}"
