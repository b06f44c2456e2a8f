"""How long viewers watch, where they start, when they seek and pause, and how long they wait.

Sources. Abandonment: 37 % of sessions end within five minutes (Yu et al., EuroSys 2006), about 20 % of views complete
(Chen et al., "Video browsing: a study of user behavior in online VoD services", ICCCN 2013, 540 million sessions): a
log-normal with median 5.7 minutes and sigma 1.38, and 20 % who stay to the end. Patience: viewers begin to leave when
the start takes more than two seconds, 5.8 % of them with each further second (Krishnan and Sitaraman, "Video stream
quality impacts viewer behavior", IMC 2012). Shares of resuming, seeking and pausing viewers are chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from loadtest.session import Action, Pause, Seek

MAX_ACTIONS = 20


@dataclass(frozen=True, slots=True)
class Watching:
    """The behaviour of a population. Times are seconds of the story."""

    complete_share: float = 0.20
    """Share of viewers who stay to the end of the film."""
    median_s: float = 342.0
    """Median of what the others watch."""
    sigma: float = 1.38
    resume_share: float = 0.12
    """Share of viewers who start in the middle of the film."""
    resume_median_s: float = 900.0
    seeks_mean: float = 0.3
    """Seeks in a session; a Poisson number of them."""
    pauses_mean: float = 0.1
    pause_median_s: float = 60.0
    is_patient: bool = False
    """Patient viewers wait for ever, so that a slow start shows as a slow start and not as a missing session."""
    patience_floor_s: float = 2.0
    leaving_per_second: float = 0.058


@dataclass(frozen=True, slots=True)
class Watch:
    """What one viewer will do; fields as in `session.Viewer`."""

    watch_s: float | None
    start_position_s: float | None
    patience_s: float | None
    actions: tuple[Action, ...]


def draw_watch(watching: Watching, random: Random) -> Watch:
    """One viewer's behaviour. Draws the same count of numbers whatever they are, but for seeks and pauses."""
    completes = random.random() < watching.complete_share
    watched = watching.median_s * math.exp(random.gauss(0, watching.sigma))
    resumes = random.random() < watching.resume_share
    position = watching.resume_median_s * math.exp(random.gauss(0, 1))
    patience = watching.patience_floor_s + random.expovariate(-math.log(1 - watching.leaving_per_second))
    start = position if resumes else 0.0
    return Watch(
        watch_s=None if completes else watched,
        start_position_s=start if resumes else None,
        patience_s=None if watching.is_patient else patience,
        actions=_actions(watching, watched, start, random),
    )


def _actions(watching: Watching, watched: float, start: float, random: Random) -> tuple[Action, ...]:
    """Seeks and pauses at even times of the session, in order; three of four seeks go forward, by about a minute."""
    actions: list[Action] = []
    for _ in range(_poisson(watching.seeks_mean, random)):
        at, jump = random.random() * watched, 60 * math.exp(random.gauss(0, 1))
        forward = random.random() < 0.75
        actions.append(Seek(at, max(0.0, start + at + (jump if forward else -jump))))
    for _ in range(_poisson(watching.pauses_mean, random)):
        lasts = watching.pause_median_s * math.exp(random.gauss(0, 1))
        actions.append(Pause(random.random() * watched, lasts))
    return tuple(sorted(actions, key=lambda action: action.at_s)[:MAX_ACTIONS])


def _poisson(mean: float, random: Random) -> int:
    """Knuth's product of uniforms; the means are small. At most MAX_ACTIONS."""
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit and count < MAX_ACTIONS:
        product *= random.random()
        count += 1
    return count
