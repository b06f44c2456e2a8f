"""What an experiment is: arms that change lists, rows or pages, for a share of a layer's profiles. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from services.recommend.vocabulary import COMPONENTS, Reason

EXPERIMENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
HOLDOUT = "holdout"
"""The id under which profiles that see no experiment are compared with the others; no experiment can have it."""
MAX_EXPERIMENTS = 200
SLOTS = 10_000
"""A layer's profiles fall into so many slots; an experiment takes some of them for itself."""
Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*\Z")]
Weight = Annotated[float, Meta(ge=0, le=100)]


class Metric(StrEnum):
    """What an experiment is decided by: the mean over its viewers within the window after they first saw it."""

    CLICKS = "clicks"
    STARTS = "starts"
    COMPLETIONS = "completions"
    WATCH_TIME = "watchTime"


METRIC_SENTENCES = {
    Metric.CLICKS: "Titles that a viewer opened.",
    Metric.STARTS: "Titles that a viewer began to watch.",
    Metric.COMPLETIONS: "Titles that a viewer watched to nine tenths at least.",
    Metric.WATCH_TIME: "Seconds that a viewer watched; where nobody said how many, the share of the title.",
}


class State(StrEnum):
    """Where an experiment is in its life; only a draft can be changed."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


class Changes(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What an arm changes; nothing for the control.

    `weights` of the models in the blend, those not named have 0; `diversity` of rows, 0 to 1; `rows` are the reasons of
    the rows that are shown, in order; `exploration` is the share of lists with one title drawn at random; `page` is
    passed on to the app.
    """

    weights: dict[str, Weight] | None = None
    diversity: Annotated[float, Meta(ge=0, le=1)] | None = None
    rows: Annotated[tuple[Reason, ...], Meta(min_length=1, max_length=20)] | None = None
    exploration: Annotated[float, Meta(ge=0, le=0.2)] | None = None
    page: Name | None = None


class Arm(Struct, frozen=True, omit_defaults=True):
    """One arm; `share` in proportion to the other arms'."""

    name: Name
    share: Annotated[float, Meta(gt=0, le=1_000_000)] = 1.0
    changes: Changes = Changes()


class Experiment(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An experiment: the body of PUT /recommendations/experiments/{id}. The first arm is the control.

    `share` of the layer's profiles take part, 0 to 1; experiments of one layer never share a profile. `window` in
    seconds: a viewer counts with what they did in so long after they first saw it, once that has passed.
    """

    title: Annotated[str, Meta(min_length=1, max_length=100)]
    arms: Annotated[tuple[Arm, ...], Meta(min_length=2, max_length=10)]
    layer: Name = "lists"
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    metric: Metric = Metric.STARTS
    window: Annotated[float, Meta(ge=1, le=90 * 86_400)] = 86_400.0
    countries: Annotated[tuple[Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")], ...], Meta(max_length=300)] | None = None
    surfaces: Annotated[tuple[Name, ...], Meta(max_length=20)] | None = None

    @property
    def slots(self) -> int:
        """How many slots of its layer it needs."""
        return max(1, round(self.share * SLOTS))

    @property
    def shares(self) -> list[float]:
        """Each arm's share of the experiment, which sum up to 1."""
        total = sum(arm.share for arm in self.arms)
        return [arm.share / total for arm in self.arms]


class StoredExperiment(Struct, frozen=True):
    """An experiment with its place: the slots of its layer from `first_slot` on, while it runs; times in Unix seconds.

    `salt` makes its arms independent of every other experiment's, also of an earlier one with its id.
    """

    experiment_id: str
    experiment: Experiment
    state: State
    salt: str
    first_slot: int = 0
    started: float | None = None
    stopped: float | None = None


def fault_of(experiment_id: str, experiment: Experiment) -> str:
    """What is wrong with a definition that its types do not say; "" if nothing."""
    if experiment_id == HOLDOUT:
        return f"`{HOLDOUT}` is the name of those who see no experiment"
    names = [arm.name for arm in experiment.arms]
    if len(set(names)) < len(names):
        return "field `arms`: two arms have one name"
    for arm in experiment.arms:
        unknown = set(arm.changes.weights or ()) - set(COMPONENTS)
        if unknown:
            return f"field `arms`: there is no model {min(unknown)!r:.60}; there are {', '.join(COMPONENTS)}"
        if arm.changes.weights is not None and not any(arm.changes.weights.values()):
            return f"field `arms`: the weights of {arm.name} are all 0"
    return ""


def find_slots(wanted: int, taken: Sequence[tuple[int, int]]) -> int | None:
    """The first slot of `wanted` free ones in a row, beside those `taken` as (first, how many); None if there are none.

    Slots never move while an experiment runs, because its profiles would.
    """
    start = 0
    for first, count in sorted(taken):
        if first - start >= wanted:
            return start
        start = max(start, first + count)
    return start if SLOTS - start >= wanted else None
