"""Exploration: now and then one title of a list is drawn at random; and what that says of other policies. Pure.

A place of the list is chosen, and its title is drawn, each with the same probability, among the one that the list has
there and those that just missed the list. What each policy would have put there is kept with the draw. So the reward of
a policy that never ran is the mean of the rewards of those draws that did what it would have done, by their inverse
probability (IPS; SNIPS divides by the sum of the weights: Swaminathan, Joachims, NeurIPS 2015).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DRAWN_FROM = 8
PLACES = 10
"""The first places of a list, of which one is chosen."""
SHOWN = "shown"
"""The name of the list as it would be without the draw."""
MIN_EFFECTIVE = 30.0
"""Draws, counted by their weights, below which an estimate has no interval."""
Z = 1.96


@dataclass(frozen=True)
class DrawnPlace:
    """The list with the drawn title; `among` are those it was drawn from, the list's own first."""

    items: list[tuple[int, float]]
    shown: int
    among: list[int]


def draw_place(items: Sequence[tuple[int, float]], limit: int, place: float, title: float) -> DrawnPlace | None:
    """Draw for one place of a list of more than `limit` titles; `place` and `title` are random, from 0 to below 1.

    The title that loses its place comes behind it, so that nothing else moves. None for a list that is too short.
    """
    more = items[limit : limit + DRAWN_FROM - 1]
    kept = list(items[:limit])
    if len(more) < DRAWN_FROM - 1 or not kept:
        return None
    at = int(place * min(PLACES, limit))
    among = [kept[at][0], *(one for one, _ in more)]
    number = int(title * len(among))
    if number:
        # Scores stay in order: each place has the score that the list had there.
        moved = [one for one, _ in kept]
        moved.insert(at, among[number])
        scores = [score for _, score in kept]
        kept = list(zip(moved[:limit], scores, strict=True))
    return DrawnPlace(kept, among[number], among)


def evaluate_policies(draws: Sequence[tuple[float, float, Mapping[str, str], str]]) -> list[dict[str, Any]]:
    """What each policy's title would be worth in a place: rows by name, from (propensity, reward, choices, shown)."""
    names = sorted({name for _, _, choices, _ in draws for name in choices})
    return [_evaluate(name, [one for one in draws if name in one[2]]) for name in names]


def _evaluate(name: str, draws: Sequence[tuple[float, float, Mapping[str, str], str]]) -> dict[str, Any]:
    total = len(draws)
    weights = [
        (1.0 / propensity if choices[name] == shown else 0.0, reward) for propensity, reward, choices, shown in draws
    ]
    weight = sum(one for one, _ in weights)
    squared = sum(one * one for one, _ in weights)
    gained = sum(one * reward for one, reward in weights)
    ips = gained / total if total else 0.0
    snips = gained / weight if weight else 0.0
    # The ratio's variance by the delta method.
    variance = sum((one * (reward - snips)) ** 2 for one, reward in weights) / weight**2 if weight else 0.0
    effective = weight * weight / squared if squared else 0.0
    radius = Z * math.sqrt(variance)
    return {
        "policy": name,
        "draws": total,
        "matching": sum(1 for one, _ in weights if one),
        "effective": round(effective, 1),
        "ips": round(ips, 6),
        "snips": round(snips, 6),
        "interval": [round(snips - radius, 6), round(snips + radius, 6)] if effective >= MIN_EFFECTIVE else None,
    }
