"""Hit ratio by cache size."""

import pytest

from loadtest.planner.hit_curve import DEFAULT, Point, byte_hit

CURVE = [Point(0.01, 0.2), Point(0.1, 0.5), Point(1.0, 0.6)]


@pytest.mark.parametrize(
    ("share", "hit"),
    [(0.01, 0.2), (0.1, 0.5), (1.0, 0.6), (0.0316227766, 0.35), (5.0, 0.6), (0.005, 0.1), (0.0, 0.0)],
)
def test_values_and_what_lies_between_them(share, hit):
    assert byte_hit(CURVE, share) == pytest.approx(hit)


def test_a_larger_cache_never_hits_less():
    shares = [10 ** (exponent / 10) for exponent in range(-50, 20)]
    hits = [byte_hit(DEFAULT, share) for share in shares]
    assert hits == sorted(hits)
