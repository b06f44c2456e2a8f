"""Counters as a table."""

import pytest

from kernel.counters import Counter, by_name

GOOD = Counter("matinee_edge_requests_total", "counter", "Requests answered.", ("outcome",))


@pytest.mark.parametrize(
    ("name", "kind", "sentence", "labels", "why"),
    [
        ("edge_requests_total", "counter", "Requests.", (), "is not named"),
        ("matinee_requests", "gauge", "Requests.", (), "is not named"),
        ("matinee_edge_Requests_total", "counter", "Requests.", (), "is not named"),
        ("matinee_edge_requests", "counter", "Requests.", (), "ends in _total"),
        ("matinee_edge_open_total", "gauge", "Open.", (), "ends in _total"),
        ("matinee_edge_open_sockets", "gauge", "Open sockets", (), "full stop"),
        ("matinee_edge_open_sockets", "gauge", "Open sockets.", ("a-b",), "not a label name"),
    ],
)
def test_a_row_that_breaks_the_convention_cannot_be_made(name, kind, sentence, labels, why):
    with pytest.raises(ValueError, match=why):
        Counter(name, kind, sentence, labels)


def test_rows_are_found_by_name():
    gauge = Counter("matinee_edge_ram_bytes", "gauge", "Bytes held in RAM.")
    assert by_name([GOOD, gauge]) == {"matinee_edge_requests_total": GOOD, "matinee_edge_ram_bytes": gauge}


def test_a_name_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        by_name([GOOD, GOOD])
