"""Each setting, counter, log field, error and refusal has one sentence, in one table, and stands in docs/."""

import ast

import pytest

from kernel import errors, fetch_reasons, store_faults, vocabulary
from kernel.counters import Counter, by_name
from kernel.settings.table import table
from kernel.store_faults import StoreFault
from tools import docs
from tools.cli import COMMANDS


def is_sentence(text: str) -> bool:
    return text.endswith((".", ".)")) and text == text.strip() and "\n" not in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_each_setting_has_a_sentence_and_a_default_that_is_accepted(command):
    rows = table(docs.load(command.module).SETTINGS)
    assert [row.name for row in rows if not is_sentence(row.sentence)] == []
    for row in rows:
        if row.default is not None:
            row.parse([row.default], "default")


def test_one_name_means_one_thing_in_all_programs():
    """`MATINEE_LISTEN` reaches every command that has the setting, unless it is one that only a flag can say."""
    kinds: dict[str, set[str]] = {}
    for command in COMMANDS:
        for row in table(docs.load(command.module).SETTINGS):
            if not row.flag_only:
                kinds.setdefault(row.name, set()).add(row.kind.name)
    assert not {name: found for name, found in kinds.items() if len(found) > 1}


def test_each_counter_has_a_row_of_its_own():
    counters = [row for name in docs.find_modules("counters.py") for row in docs.load(name).COUNTERS]
    assert counters
    assert all(isinstance(row, Counter) for row in counters)
    assert len(by_name(counters)) == len(counters)


def test_each_log_field_has_a_sentence():
    for name in docs.find_modules("log_fields.py"):
        fields = docs.load(name).LOG_FIELDS
        assert len({field.name for field in fields}) == len(fields)
        assert all(is_sentence(field.sentence) for field in fields)


def test_each_refusal_has_a_status_and_a_sentence():
    assert set(vocabulary.REFUSAL_STATUS) == set(vocabulary.REFUSAL_SENTENCES) == set(vocabulary.Refusal)
    assert all(map(is_sentence, vocabulary.REFUSAL_SENTENCES.values()))
    doors = (vocabulary.DOOR_REFUSAL_STATUS, vocabulary.DOOR_REFUSAL_SENTENCES)
    assert all(set(table) == set(vocabulary.DoorRefusal) for table in doors)
    assert all(map(is_sentence, vocabulary.DOOR_REFUSAL_SENTENCES.values()))


def test_each_reason_for_cutting_a_connection_has_a_sentence():
    assert set(vocabulary.ABORT_SENTENCES) == set(vocabulary.Abort)
    assert all(map(is_sentence, vocabulary.ABORT_SENTENCES.values()))


def test_each_reason_of_an_overload_has_a_sentence_and_a_retry_time():
    assert set(vocabulary.OVERLOAD_SENTENCES) == set(vocabulary.OverloadReason)
    assert all(map(is_sentence, vocabulary.OVERLOAD_SENTENCES.values()))
    assert set(vocabulary.OVERLOAD_RETRY_SECONDS) == set(vocabulary.OverloadReason)


def test_each_fault_of_the_store_has_a_status_and_a_sentence():
    assert set(store_faults.STORE_FAULT_STATUS) == set(store_faults.STORE_FAULT_SENTENCES) == set(StoreFault)
    assert all(map(is_sentence, store_faults.STORE_FAULT_SENTENCES.values()))


def test_each_reason_for_not_storing_has_a_sentence():
    assert set(vocabulary.NOT_STORED_SENTENCES) == set(vocabulary.NotStored)
    assert all(map(is_sentence, vocabulary.NOT_STORED_SENTENCES.values()))


def test_each_reason_of_a_fetch_has_a_status_and_a_sentence():
    assert set(fetch_reasons.UPSTREAM_STATUS) == set(fetch_reasons.UpstreamReason)
    assert set(fetch_reasons.UPSTREAM_SENTENCES) == set(fetch_reasons.UpstreamReason)
    assert all(map(is_sentence, fetch_reasons.UPSTREAM_SENTENCES.values()))


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (fetch_reasons.FillEnd, fetch_reasons.FILL_END_SENTENCES),
        (fetch_reasons.ReleaseReason, fetch_reasons.RELEASE_SENTENCES),
        (fetch_reasons.NotStorable, fetch_reasons.NOT_STORABLE_SENTENCES),
        (fetch_reasons.PrefetchEnd, fetch_reasons.PREFETCH_END_SENTENCES),
    ],
)
def test_each_end_of_a_fetch_and_each_release_has_a_sentence(words, sentences):
    assert set(sentences) == set(words)
    assert all(map(is_sentence, sentences.values()))


TAKES_A_REASON = {
    "Overloaded",
    "PrefetchResult",
    "UpstreamFailed",
    "fill_ended",
    "release",
    "on_released",
    "release_reason",
}
"""Calls whose first argument is a word of a table."""
COMPARED = {"reason", "why"}
"""Names of reasons: nothing may be decided by comparing them with a string."""


def bare_reasons(tree: ast.AST) -> list[int]:
    """The lines where a string stands for a reason."""
    found: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            texts = [arg for arg in node.args[:1] if isinstance(arg, ast.JoinedStr) or is_text(arg)]
            found += [node.lineno] if name in TAKES_A_REASON and texts else []
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            names = {getattr(side, "attr", getattr(side, "id", "")) for side in sides}
            found += [node.lineno] if names & COMPARED and any(map(is_text, sides)) else []
    return found


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_no_string_stands_for_a_reason_in_the_edge_and_the_cache(sources):
    found = {name: bare_reasons(ast.parse(text)) for name, (text, _) in sources.items()}
    assert {name: lines for name, lines in found.items() if lines and name.startswith(("edge/", "cache/"))} == {}
    calls = {name: bare_reasons(ast.parse(text)) for name, (text, _) in sources.items() if "UpstreamFailed(" in text}
    assert {name: lines for name, lines in calls.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "bare"),
    [
        ('UpstreamFailed("x")', True),
        ('errors.UpstreamFailed(f"status-{status}")', True),
        ('error.reason == "x"', True),
        ('"x" != why', True),
        ('fill.release("late", anybody)', True),
        ("UpstreamFailed(UpstreamReason.TLS)", False),
        ("error.reason is UpstreamReason.TLS", False),
    ],
)
def test_a_bare_reason_is_found(source: str, bare: bool):
    assert bool(bare_reasons(ast.parse(source))) == bare


def test_each_error_that_crosses_a_border_has_a_sentence():
    assert all(is_sentence(docs.first_sentence(c.__doc__)) for c in errors.MatineeError.__subclasses__() if c.__doc__)


def test_the_pages_are_what_the_code_says():
    missing: list[str] = []
    stale = [p.name for p, text in docs.pages(missing).items() if not p.exists() or p.read_text("utf-8") != text]
    assert (missing, stale) == ([], [])
