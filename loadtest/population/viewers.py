"""The whole population: one `Viewer` for each arrival, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from loadtest.population.arrivals import Arrivals, arrival_times
from loadtest.population.audience import COUNTRY_MIX, DEVICE_MIX, DEVICES, NETWORK_MIX, NETWORKS, Mix
from loadtest.population.popularity import Popularity, TitleSampler, weights_by_day
from loadtest.population.watching import Watching, draw_watch
from loadtest.session import Device, NetworkProfile, Viewer

MAX_PLAYERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Population:
    """Everything that decides who comes and what they do, besides the titles that there are."""

    popularity: Popularity = field(default_factory=Popularity)
    arrivals: Arrivals = field(default_factory=Arrivals)
    watching: Watching = field(default_factory=Watching)
    days: int = 1
    """Days of the catalogue's life that the run stands for; arrivals spread over them."""
    devices: Mapping[str, float] = field(default_factory=lambda: DEVICE_MIX)
    """Shares by a name of `audience.DEVICES`."""
    networks: Mapping[str, float] = field(default_factory=lambda: NETWORK_MIX)
    """Shares by a name of `audience.NETWORKS`, or of `own_networks`."""
    countries: Mapping[str, float] = field(default_factory=lambda: COUNTRY_MIX)
    own_networks: Mapping[str, NetworkProfile] = field(default_factory=dict)
    region: str | None = None


def viewers(
    population: Population, titles: Sequence[str], *, players: int, seconds: float, seed: int
) -> Iterator[Viewer]:
    """`players` viewers in order of their arrival within `seconds`; `titles` stand in order of their rank."""
    days = population.days
    sampler = TitleSampler(weights_by_day(population.popularity, len(titles), days, seed))
    lines = {**NETWORKS, **population.own_networks}
    devices = Mix[Device]({DEVICES[name]: share for name, share in population.devices.items()})
    networks = Mix[str](population.networks)
    countries = Mix[str](population.countries)
    for number, arrival in enumerate(arrival_times(population.arrivals, players, seconds, seed)):
        # A generator for each viewer: more players, or another behaviour, change no other viewer's draws.
        random = Random(f"viewer/{seed}/{number}")
        device, network, country = devices.pick(random), networks.pick(random), countries.pick(random)
        rank = sampler.pick(int(arrival.at_s / seconds * days), random)
        if arrival.crowd is not None and arrival.crowd.rank is not None:
            rank = min(arrival.crowd.rank, len(titles) - 1)
        watch = draw_watch(population.watching, random)
        yield Viewer(
            number=number,
            title=titles[rank],
            arrival_s=arrival.at_s,
            watch_s=watch.watch_s,
            patience_s=watch.patience_s,
            country=country,
            region=population.region,
            device=device,
            network=lines[network],
            actions=watch.actions,
            start_position_s=watch.start_position_s,
            seed=random.getrandbits(32),
        )
