"""Of an answer that is passed on and not kept: how the upstream is held back, and for whom no longer."""

from __future__ import annotations

from cache.fills.fill import Fill
from edge.upstreams.exchange import Exchange
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason

LAG_SECONDS = 5.0
"""How long one viewer may hold up others of an answer that is passed on, before he is cut off."""


class SlowReaderLimit:
    """The upstream is held back for who is behind; he is cut off who holds up others for `LAG_SECONDS`."""

    def __init__(self, fill: Fill, exchange: Exchange, clock: Clock) -> None:
        self._fill, self._exchange, self._clock = fill, exchange, clock
        self._timer: Timer | None = None

    def pause(self) -> None:
        """Somebody is far behind."""
        self._exchange.pause()
        self._wait()

    def resume(self) -> None:
        """He came on, or left."""
        self.stop()
        self._exchange.resume()

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._clock.call_later(LAG_SECONDS, self._look)

    def _look(self) -> None:
        for reader in self._fill.slow_readers():
            self._fill.leave(reader)
            reader.on_failed(UpstreamFailed(UpstreamReason.READER_TOO_SLOW))
        if self._timer is not None:
            self._wait()
