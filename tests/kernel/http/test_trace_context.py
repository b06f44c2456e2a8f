"""Trace ids: the format of W3C Trace Context, and nothing else."""

import pytest

from kernel.http.trace_context import trace_id_of

TRACE, PARENT = "ab" * 16, "cd" * 8


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f"01-{TRACE}-{PARENT}-01-later-parts", TRACE),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}-01\n", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_only_valid_fields_have_a_trace_id(field, expected):
    assert trace_id_of(field) == expected
