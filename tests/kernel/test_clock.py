"""Time as it is passed in."""

from kernel.clock import Clock, Instant


def test_an_instant_holds_both_clocks():
    assert Instant(wall=1.0, mono=2.0) == (1.0, 2.0)


def test_a_clock_of_a_tests_own_fits():
    """The protocol asks for no more than three methods."""

    class Still:
        def wall(self):
            return 1.0

        def mono(self):
            return 2.0

        def call_later(self, delay, callback):
            raise NotImplementedError

    clock: Clock = Still()
    assert Instant(clock.wall(), clock.mono()) == Instant(1.0, 2.0)
