"""How clicks lift titles for a query: bounded, decayed, and counted once for each viewer. Pure."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HALF_LIFE_SECONDS = 14 * 86_400.0
VIEWERS_FOR_HALF = 6.0
"""Viewers who clicked lately that lift a title by half of what clicks can do."""
MIN_VIEWERS = 2
"""One viewer alone lifts nothing, however often they click."""
TREND_HALF_LIFE_SECONDS = 2 * 86_400.0
MAX_TITLES = 20
"""Titles of one query that clicks lift."""


@dataclass(frozen=True, slots=True)
class Click:
    """The latest click of one viewer on a title among the results of a query; `at` in Unix seconds."""

    query: str
    content_id: str
    viewer: str
    at: float
    country: str | None


def hash_viewer(secret: bytes, subject: str) -> str:
    """A viewer's name in the click table, from which nobody without the secret learns who it is."""
    return hmac.new(secret, subject.encode(), hashlib.sha256).hexdigest()[:24]


def lift_titles(clicks: Iterable[Click], now: float) -> dict[str, dict[str, float]]:
    """For each query the titles that clicks lift, 0 to 1."""
    counts: dict[tuple[str, str], list[float]] = defaultdict(list)
    for click in clicks:
        counts[click.query, click.content_id].append(_decay(click.at, now, HALF_LIFE_SECONDS))
    lifted: dict[str, dict[str, float]] = defaultdict(dict)
    for (query, content_id), weights in counts.items():
        if len(weights) >= MIN_VIEWERS:
            lifted[query][content_id] = 1 - math.pow(2, -sum(weights) / VIEWERS_FOR_HALF)
    return {query: _best(titles) for query, titles in lifted.items()}


def _best(titles: Mapping[str, float]) -> dict[str, float]:
    order = sorted(titles.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(order[:MAX_TITLES])


def rank_trending(clicks: Iterable[Click], country: str | None, now: float) -> dict[str, float]:
    """Titles by recent clicks, those of a country counted fully and those of others a quarter."""
    latest: dict[tuple[str, str], Click] = {}  # one viewer counts once for a title, whatever they typed
    for click in clicks:
        known = latest.setdefault((click.viewer, click.content_id), click)
        if click.at > known.at:
            latest[click.viewer, click.content_id] = click
    weights: dict[str, float] = defaultdict(float)
    for click in latest.values():
        share = 1.0 if country is None or click.country == country else 0.25
        weights[click.content_id] += share * _decay(click.at, now, TREND_HALF_LIFE_SECONDS)
    return dict(weights)


def _decay(at: float, now: float, half_life: float) -> float:
    # A clock that went back makes clicks of the future: they count as of now, not more.
    return math.pow(2, -max(0.0, now - at) / half_life)
