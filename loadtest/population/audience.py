"""Devices, countries and access lines, as named mixes that a story picks from.

Sources. Devices: connected TVs take most of the viewing time in Conviva's quarterly *State of Streaming* reports; the
shares here are rounded and count sessions, of which phones have more. Lines: fixed broadband in the range of the FCC's
*Measuring Broadband America* reports; mobile lines vary within seconds, as the traces of Riiser et al., "Commute path
bandwidth traces from 3G networks", MMSys 2013, and van der Hooft et al., "HTTP/2-based adaptive streaming of HEVC video
over 4G/LTE networks", IEEE Communications Letters 2016, show. The steps are chosen after them, not copied. Countries
are equal shares of a few: a story for a real service names its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from loadtest.session import UNLIMITED, Device, NetworkProfile, RateStep

T = TypeVar("T")

DEVICES: Mapping[str, Device] = {
    device.name: device
    for device in (
        Device("tv", 2160, 60.0, "matinee-loadtest/1.0 (tv)"),
        Device("desktop", 1080, 30.0, "matinee-loadtest/1.0 (desktop)"),
        Device("tablet", 1080, 30.0, "matinee-loadtest/1.0 (tablet)"),
        Device("phone", 720, 20.0, "matinee-loadtest/1.0 (phone)"),
    )
}

DEVICE_MIX: Mapping[str, float] = {"tv": 0.45, "desktop": 0.20, "tablet": 0.08, "phone": 0.27}

COUNTRY_MIX: Mapping[str, float] = {"DE": 0.25, "FR": 0.25, "GB": 0.25, "US": 0.25}


def _line(name: str, latency_ms: float, loss: float, *steps: tuple[float, float]) -> NetworkProfile:
    """A line from steps of (seconds, Mbit/s)."""
    return NetworkProfile(name, tuple(RateStep(for_s, rate * 1e6) for for_s, rate in steps), latency_ms / 1000, loss)


NETWORKS: Mapping[str, NetworkProfile] = {
    line.name: line
    for line in (
        UNLIMITED,
        _line("fibre", 10, 0.0, (60, 100)),
        _line("cable", 20, 0.0, (50, 40), (10, 25)),
        _line("dsl", 35, 0.0005, (40, 12), (20, 9)),
        _line("lte", 50, 0.001, (12, 18), (8, 7), (10, 25), (5, 3), (10, 12)),
        _line("3g", 120, 0.005, (15, 2.4), (10, 0.9), (15, 3.2), (5, 0.5)),
    )
}

NETWORK_MIX: Mapping[str, float] = {"fibre": 0.25, "cable": 0.30, "dsl": 0.20, "lte": 0.20, "3g": 0.05}


class Mix(Generic[T]):
    """Draws one of several things by their shares, which need not sum to 1."""

    def __init__(self, shares: Mapping[T, float]) -> None:
        if not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
            raise ValueError("a mix needs shares of at least 0, and one above it")
        self._things = tuple(shares)
        self._cumulative = tuple(accumulate(shares.values()))

    def pick(self, random: Random) -> T:
        """One of the things; one number is drawn."""
        place = bisect_right(self._cumulative, random.random() * self._cumulative[-1])
        return self._things[min(place, len(self._things) - 1)]
