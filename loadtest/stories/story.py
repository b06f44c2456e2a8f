"""A story as data: who watches, what is done to the platform, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from loadtest.player.settings import PlayerSettings
from loadtest.population.arrivals import Arrivals
from loadtest.population.popularity import Popularity
from loadtest.population.viewers import MAX_PLAYERS
from loadtest.population.watching import Watching
from loadtest.stories.expectations import Expectation, parse_expectation
from loadtest.stories.moments import moment_s

MAX_SECONDS = 7 * 86400.0
MAX_TITLES_PLAYED = 100_000


@dataclass(frozen=True, slots=True)
class Titles:
    """Which titles are played, in order of their popularity."""

    urls: tuple[str, ...] = ()
    """Playlists or MPDs, absolute or below the target; none: what the target is (a playlist), or what its gateway
    lists."""
    limit: Annotated[int, Meta(ge=1, le=MAX_TITLES_PLAYED)] = 1000
    """At most this many of the gateway's titles."""


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """An access line that the story defines. `steps` are pairs of seconds and Mbit/s; none: no limit."""

    name: str
    steps: tuple[tuple[float, float], ...] = ()
    latency_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    loss: Annotated[float, Meta(ge=0, lt=1)] = 0.0


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is done to the platform while viewers watch.

    `start` and `stop` are commands, run without a shell; `at` and `until` are seconds of the run, or shares of it such
    as `"40%"`. Words in braces are replaced: see `actions.placeholders`. What fails makes the run fail, unless
    `may_fail`. A `stop` without `until` is run at the end.
    """

    at: float | str
    start: str = ""
    until: float | str | None = None
    stop: str = ""
    repeat: Annotated[int, Meta(ge=1, le=1000)] = 1
    """`start` is run this often, evenly from `at` to `until`."""
    may_fail: bool = False

    def starts_at(self, seconds: float) -> tuple[float, ...]:
        """When `start` is run, in seconds of a run of this length."""
        first = moment_s(self.at, seconds)
        last = moment_s(self.until, seconds) if self.until is not None else seconds
        return tuple(first + (last - first) * number / self.repeat for number in range(self.repeat))

    def stops_at(self, seconds: float) -> float:
        """When `stop` is run."""
        return moment_s(self.until, seconds) if self.until is not None else seconds


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold. Figures that the target's nodes count belong to `where_measured`: they are judged where read."""

    always: tuple[str, ...] = ()
    where_measured: tuple[str, ...] = ()

    def read(self) -> tuple[tuple[Expectation, ...], tuple[Expectation, ...]]:
        """Both lists, read. Raises ValueError, which `reader` turns into an error at the border."""
        always = tuple(parse_expectation(text) for text in self.always)
        return always, tuple(parse_expectation(text) for text in self.where_measured)


@dataclass(frozen=True, slots=True)
class Story:
    """One story. Times are seconds of the story; a `speed` above 1 plays it in less wall time."""

    name: str
    summary: str
    players: Annotated[int, Meta(ge=1, le=MAX_PLAYERS)]
    seconds: Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
    """Wall seconds of the run."""
    speed: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    seed: int = 1
    days: Annotated[int, Meta(ge=1, le=366)] = 1
    """Days of the catalogue's life that the run stands for."""
    region: str | None = None
    needs_regions: Annotated[int, Meta(ge=1, le=100)] = 1
    """The story runs only where the target has so many regions."""
    titles: Titles = field(default_factory=Titles)
    popularity: Popularity = field(default_factory=Popularity)
    arrivals: Arrivals = field(default_factory=Arrivals)
    watching: Watching = field(default_factory=Watching)
    devices: Mapping[str, float] = field(default_factory=dict)
    networks: Mapping[str, float] = field(default_factory=dict)
    countries: Mapping[str, float] = field(default_factory=dict)
    own_networks: tuple[OwnNetwork, ...] = ()
    player: PlayerSettings = field(default_factory=PlayerSettings)
    """How the players behave. Its `gateway` is the target's, where the target is one."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    expect: Expect = field(default_factory=Expect)
