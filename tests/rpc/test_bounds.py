"""What the border lets pass: names of their form, finite numbers in range, short lists."""

from __future__ import annotations

import pytest

from rpc import bounds
from rpc.bounds import BorderError

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (lambda v: bounds.finite_of(v, "x"), (0.0, 1.5, 2.0**53), (INF, -INF, NAN, -1.0, -1e-9, 1e300)),
        (lambda v: bounds.whole_of(v, "x"), (0, 2**63 - 1), (-1, 2**63, 2**64 - 1)),
        (bounds.content_id_of, ("film-1", "a"), ("../no id", "", "-a", "a" * 65, "a/b", "a\n")),
        (bounds.rendition_of, ("", "v720", "a/b"), ("a\n", "ü", "x" * 257)),
        (bounds.regions_of, ("", "eu", "eu,us-1"), (",", "EU", "eu,,us", "../x", ",".join(["eu"] * 17))),
        (lambda v: bounds.word_of(v, "x"), ("", "rules", "epoch-1+"), ("a b", "x" * 65, "../x", "a\0")),
        (lambda v: bounds.printable_of(v, "x"), ("", "a b"), ("a\nb", "x" * 1_025, "\0")),
        (bounds.text_of, ("a\nb",), ("a\0b", "x" * 1_025)),
        (bounds.node_id_of, ("e1", "edge-1.eu"), ("", "no id", "e" * 65)),
    ],
)
def test_only_what_has_its_form_passes(check, good, bad) -> None:
    assert [check(value) for value in good] == list(good)
    for value in bad:
        with pytest.raises(BorderError):
            check(value)


def test_a_list_that_is_too_long_is_told_with_its_name() -> None:
    bounds.check_length([1, 2], "rows", 2)
    with pytest.raises(BorderError, match="3 rows, more than 2"):
        bounds.check_length([1, 2, 3], "rows", 2)
