"""The rules in force: their file form, what they refuse, how mistakes are reported."""

from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edge.policy.rules
from edge.policy.authorise import is_revoked, licence_refusal
from edge.policy.rules import Rules
from kernel.auth.licence import Licence
from kernel.documents import BadDocument
from kernel.vocabulary import Refusal

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
RULES = st.builds(
    Rules,
    unlisted=st.sampled_from([None, Refusal.COUNTRY]),
    titles=st.dictionaries(IDS, st.builds(Licence, allow=st.none() | st.frozensets(st.sampled_from(["DE", "FR"])))),
    sessions=st.dictionaries(
        st.text("abc-é/ ", min_size=1, max_size=20), st.just(inf) | st.integers(0, 10**10).map(float)
    ),
)


@given(RULES)
def test_the_file_form_gives_the_same_rules_back(rules: Rules) -> None:
    assert Rules.from_bytes(json.dumps(rules.to_json()).encode()) == rules


def test_a_title_that_is_not_listed_follows_the_default() -> None:
    assert licence_refusal(Rules.parse({}), "film", None, 0) is None
    assert licence_refusal(Rules.parse({}, default="deny"), "film", "DE", 0) is Refusal.COUNTRY
    assert licence_refusal(Rules.parse({"default": "allow"}, default="deny"), "film", None, 0) is None
    assert licence_refusal(Rules.parse({"default": "deny", "titles": {"film": {}}}), "film", None, 0) is None


def test_a_listed_title_follows_its_licence_and_no_other() -> None:
    rules = Rules.parse({"titles": {"title1": {"allow": ["DE"]}}}, version=7)
    assert rules.version == 7
    assert licence_refusal(rules, "title1", "FR", 0) is Refusal.COUNTRY
    assert licence_refusal(rules, "title1", "DE", 0) is None
    assert licence_refusal(rules, "title10", "FR", 0) is None
    assert rules.titles.get("title1") == Licence(allow=frozenset({"DE"}))
    assert "title10" not in rules.titles


def test_a_revocation_holds_until_its_end() -> None:
    rules = Rules.parse(
        {
            "revoked_sessions": [
                "a",
                {"id": "b", "until": "1970-01-01T00:01:00Z"},
                {"id": "c", "until": None},
                {"id": "d", "until": 60},
                "b",
            ]
        }
    )
    assert is_revoked(rules, "a", 1e12)
    assert is_revoked(rules, "b", 61)  # listed twice: the longer one holds
    assert is_revoked(rules, "c", 1e12)
    assert is_revoked(rules, "d", 59.9)
    assert not is_revoked(rules, "d", 60)
    assert not is_revoked(rules, "e", 0)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({"titels": {}}, "titels"),
        ({"default": "alow"}, "default"),
        ({"default": None}, "default"),
        ({"titles": []}, "titles"),
        ({"titles": {"../x": {}}}, "titles"),
        ({"titles": {"film": None}}, "titles.film"),
        ({"titles": {"film": {"allow": [None]}}}, "titles.film.allow[0]"),
        ({"revoked_sessions": {}}, "revoked_sessions"),
        ({"revoked_sessions": [1]}, "revoked_sessions[0]"),
        ({"revoked_sessions": [""]}, "revoked_sessions[0]"),
        ({"revoked_sessions": ["\ud800"]}, "revoked_sessions[0]"),
        ({"revoked_sessions": ["x" * 257]}, "revoked_sessions[0]"),
        ({"revoked_sessions": ["x", {"until": None}]}, "revoked_sessions[1].id"),
        ({"revoked_sessions": [{"id": "x", "until": "soon"}]}, "revoked_sessions[0].until"),
        ({"revoked_sessions": [{"id": "x", "until": 1e300}]}, "revoked_sessions[0].until"),
        ({"revoked_sessions": [{"id": "x", "til": 1}]}, "revoked_sessions[0].til"),
    ],
)
def test_a_mistake_is_named_with_its_place(document: object, path: str) -> None:
    with pytest.raises(BadDocument) as caught:
        Rules.parse(document)
    assert caught.value.path == path


def test_a_document_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.policy.rules, "MAX_TITLES", 1)
    monkeypatch.setattr(edge.policy.rules, "MAX_REVOKED", 1)
    with pytest.raises(BadDocument, match="more than 1"):
        Rules.parse({"titles": {"a": {}, "b": {}}})
    with pytest.raises(BadDocument, match="more than 1"):
        Rules.parse({"revoked_sessions": ["a", "b"]})
