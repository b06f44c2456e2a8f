"""Reads a story from TOML. Whatever is wrong is refused with file, key and value, before anything is played."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from kernel.errors import BadSettings
from loadtest.population.audience import DEVICES, NETWORKS, Mix
from loadtest.population.viewers import Population
from loadtest.session import NetworkProfile, RateStep
from loadtest.stories.moments import moment_s
from loadtest.stories.story import Action, OwnNetwork, Story

_AT = re.compile(r"^(?P<why>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)


def read_story(text: str, file: str) -> Story:
    """The story in a TOML document. Raises BadSettings naming the file and the key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings("story", f"is not valid TOML: {error}", f"file {file}") from None
    for key, known in _unknown_keys(Story, document, ""):
        raise BadSettings(key, f"there is no such key; here are {', '.join(known)}", f"file {file}")
    try:
        story = msgspec.convert(document, Story)
    except msgspec.ValidationError as error:
        key, why = _located(str(error))
        raise BadSettings(key or "story", f"{why}{_shown(document, key)}", f"file {file}") from None
    for key, why in _contradictions(story):
        raise BadSettings(key, why, f"file {file}")
    return story


def population_of(story: Story) -> Population:
    """The population that a story describes; mixes that it leaves out are the default ones."""
    own = {each.name: _profile(each) for each in story.own_networks}
    given = {
        name: shares
        for name in ("devices", "networks", "countries")
        if (shares := getattr(story, name))
    }  # fmt: skip
    return Population(
        popularity=story.popularity,
        arrivals=story.arrivals,
        watching=story.watching,
        days=story.days,
        own_networks=own,
        region=story.region,
        **given,
    )


def _profile(network: OwnNetwork) -> NetworkProfile:
    steps = tuple(RateStep(seconds, rate * 1e6) for seconds, rate in network.steps)
    return NetworkProfile(network.name, steps, network.latency_ms / 1000, network.loss)


def _unknown_keys(wanted: Any, given: object, path: str) -> Iterator[tuple[str, list[str]]]:
    """(path, the keys there are) of each key that no field of the dataclass has, and inside of it."""
    wanted = _bare(wanted)
    arguments = typing.get_args(wanted)
    if dataclasses.is_dataclass(wanted) and isinstance(given, Mapping):
        kinds = typing.get_type_hints(wanted, include_extras=True)
        for key, value in given.items():
            if key not in kinds:
                yield f"{path}{key}", sorted(kinds)
            else:
                yield from _unknown_keys(kinds[key], value, f"{path}{key}.")
    elif isinstance(given, Mapping) and len(arguments) == 2:
        for key, value in given.items():
            yield from _unknown_keys(arguments[1], value, f"{path}{key}.")
    elif isinstance(given, list) and arguments:
        for number, value in enumerate(given):
            yield from _unknown_keys(arguments[0], value, f"{path.removesuffix('.')}[{number}].")


def _bare(kind: Any) -> Any:
    """A type without its bounds, and without `None` as the alternative."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if isinstance(kind, types.UnionType):
        return _bare(typing.get_args(kind)[0])
    return kind


def _located(message: str) -> tuple[str, str]:
    """(key, what is wrong) of an error of msgspec, which ends in a path like `$.arrivals.within`."""
    found = _AT.match(message)
    if found is None:
        return "", message
    return (found["path"] or "").removeprefix("."), found["why"]


def _shown(document: Mapping[str, Any], key: str) -> str:
    """`; it is 7`: the value at a path, as far as the path is one."""
    value: Any = document
    for part in re.findall(r"[^.\[\]]+", key):
        if isinstance(value, Mapping):
            value = value.get(part, value)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
    return "" if isinstance(value, Mapping) or not key else f"; it is {value!r}"


def _contradictions(story: Story) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of what the types alone do not show."""
    lines = {*NETWORKS, *(each.name for each in story.own_networks)}
    mixes: dict[str, set[str] | None] = {"devices": set(DEVICES), "networks": lines, "countries": None}
    for name, known in mixes.items():
        shares: Mapping[str, float] = getattr(story, name)
        for each in shares:
            if known is not None and each not in known:
                yield f"{name}.{each}", f"is none of {', '.join(sorted(known))}"
        if shares:
            yield from _complaint(name, Mix, shares)
    for number, network in enumerate(story.own_networks):
        if any(seconds <= 0 or rate <= 0 for seconds, rate in network.steps):
            yield f"own_networks[{number}].steps", "has a step without seconds or without a rate"
    if story.arrivals.hours and story.arrivals.hours[1] <= story.arrivals.hours[0]:
        yield "arrivals.hours", "ends before it begins; hours after midnight go on with 24, 25, …"
    for name, action in story.actions.items():
        yield from _action_complaints(f"actions.{name}", action, story.seconds)
    yield from _complaint("expect", story.expect.read)


def _action_complaints(key: str, action: Action, seconds: float) -> Iterator[tuple[str, str]]:
    if not action.start and not action.stop:
        yield key, "has neither a `start` nor a `stop` command"
    for name in ("at", "until"):
        if (moment := getattr(action, name)) is not None:
            yield from _complaint(f"{key}.{name}", _check_within, moment, seconds)
    if action.repeat > 1 and action.until is None:
        yield f"{key}.repeat", "needs an `until`"


def _check_within(moment: float | str, seconds: float) -> None:
    if moment_s(moment, seconds) > seconds:
        raise ValueError(f"{moment} lies after the run's end at {seconds:g}")


def _complaint(key: str, check: Callable[..., object], *arguments: object) -> Iterator[tuple[str, str]]:
    """(key, message) of the ValueError that a check raises."""
    try:
        check(*arguments)
    except ValueError as error:
        yield key, str(error)
