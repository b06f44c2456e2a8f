"""How long one viewer has waited for the next bytes of an object in slices, however often they were asked for."""

from __future__ import annotations

from collections.abc import Callable

from kernel.clock import Clock, Timer


class WaitDeadline:
    """`call` is called when he has waited for `longest` seconds in all, once it was said that he asks `extend`."""

    __slots__ = ("_call", "_clock", "_longest", "_since", "_timer")

    def __init__(self, clock: Clock, longest: float, call: Callable[[], object]) -> None:
        self._clock, self._longest, self._call = clock, longest, call
        self._since: float | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        """He waits, unless he does so already."""
        if self._since is None:
            self._since = self._clock.mono()

    def extend(self) -> None:
        """What he waits for is late, and he asks for it anew: the time that he has waited already counts."""
        if self._timer is None and self._since is not None:
            left = self._since + self._longest - self._clock.mono()
            self._timer = self._clock.call_later(max(0.0, left), self._call)

    def cancel(self) -> None:
        """Something came, or he left."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
