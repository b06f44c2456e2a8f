"""What control says, as tables."""

from datetime import UTC, datetime

import pytest
from rich.console import Console

from tests.tools.fleet_ground import EDGE
from tools.fleet.tables import changes_table, details_table, edges_table, relative_time, size, state

NOW = datetime(2026, 11, 22, 20, 1, tzinfo=UTC)


def shown(table) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115 (swallowed)
    console.print(table)
    return console.export_text()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({}, "serving"),
        ({"connected": False}, "disconnected"),
        ({"drained": "2026-11-22T20:00:00+00:00"}, "drained"),
        ({"errors": {"rules": "x"}}, "refusing"),
        ({"report": EDGE["report"] | {"draining": True}}, "draining"),
        ({"report": EDGE["report"] | {"ready": False}}, "not ready"),
        ({"report": None}, "serving"),
        ({"role": "service", "connected": False}, "enrolled"),
    ],
)
def test_how_a_node_is(more: dict, word: str):
    assert word in state(EDGE | more)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (3e18, "3.0 EB")]
)
def test_sizes(value: float, text: str):
    assert size(value) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-11-22T20:00:55+00:00", "5 s ago"),
        ("2026-11-22T19:51:00+00:00", "10 min ago"),
        ("2026-11-22T18:01:00+00:00", "2 h ago"),
        ("2026-11-20T20:01:00+00:00", "2 d ago"),
        ("2026-11-22T20:02:00+00:00", "0 s ago"),
    ],
)
def test_moments(moment: str, text: str):
    assert relative_time(moment, NOW) == text


def test_a_node_that_nothing_is_known_of_yet_has_a_line_too():
    bare = {"id": "e9", "connected": False, "role": "edge", "region": "", "pop": ""}
    assert "e9" in shown(edges_table([bare, EDGE], NOW))


def test_a_narrow_screen_has_fewer_columns():
    assert "conns" in shown(edges_table([EDGE], NOW, 120))
    assert "conns" not in shown(edges_table([EDGE], NOW, 80))


def test_a_node_without_requests_has_no_ratios():
    idle = EDGE | {"report": EDGE["report"] | {"requests": 0, "hits": 0, "errors": 0}}
    assert "%" not in shown(edges_table([idle], NOW))


def test_what_is_empty_is_left_out_of_one_things_facts():
    text = shown(details_table("e1", {"a": 1, "b": None, "c": {"d": 2.0, "e": None}, "f": ["g"], "h": []}))
    for words in ("a", "1", "d: 2.000", "g"):
        assert words in text
    assert "b" not in text.replace("─", "")
    assert "h" not in text


def test_changes_are_shown_from_what_to_what():
    text = shown(changes_table("r", [{"kind": "node", "name": "e1", "before": None, "after": {"role": "edge"}}]))
    assert "role: edge" in text
