"""Times as they are written."""

from origin import clock


def test_stamp():
    """UTC, to the second."""
    assert clock.stamp(0.9) == "1970-01-01T00:00:00Z"


def test_clocks_go_on():
    """Both are read, mono never goes back."""
    assert clock.wall() > 1.6e9
    assert clock.mono() <= clock.mono()
