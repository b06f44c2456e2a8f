"""Which arm a profile is in: by hashes, so that every process says the same, for ever, without asking. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from services.recommend.experiments.definition import HOLDOUT, SLOTS, Arm, Changes, StoredExperiment

NO_CHANGES = Changes()
HOLDOUT_ARM, EXPOSED_ARM = "holdout", "exposed"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A profile's arm. `propensity` is the probability with which a profile of the experiment gets it."""

    experiment_id: str
    arm: str
    propensity: float
    changes: Changes = NO_CHANGES


def unit_hash(*parts: str) -> float:
    """A number from 0 to below 1 that looks random and is always the same for the same parts."""
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def choose_arm(value: float, arms: Sequence[Arm], shares: Sequence[float]) -> int:
    """The number of the arm for a value from 0 to below 1."""
    return next((at for at, border in enumerate(accumulate(shares)) if value < border), len(arms) - 1)


def in_holdout(profile: str, share: float) -> bool:
    """Whether a profile sees no experiment of any layer; those of a smaller share are in each larger one."""
    return unit_hash(HOLDOUT, profile) < share


def assign(
    profile: str, running: Iterable[StoredExperiment], holdout: float, country: str | None, surface: str
) -> list[Assignment]:
    """A profile's arms, one for each layer at most, and where there is a holdout, on which side of it they are."""
    running = list(running)
    found = []
    if holdout > 0 and running:
        if in_holdout(profile, holdout):
            return [Assignment(HOLDOUT, HOLDOUT_ARM, holdout)]
        found.append(Assignment(HOLDOUT, EXPOSED_ARM, 1 - holdout))
    for one in running:
        experiment = one.experiment
        slot = int(unit_hash("layer", experiment.layer, profile) * SLOTS)
        if not one.first_slot <= slot < one.first_slot + experiment.slots:
            continue
        if experiment.countries is not None and country not in experiment.countries:
            continue
        if experiment.surfaces is not None and surface not in experiment.surfaces:
            continue
        shares = experiment.shares
        number = choose_arm(unit_hash("arm", one.salt, profile), experiment.arms, shares)
        arm = experiment.arms[number]
        found.append(Assignment(one.experiment_id, arm.name, shares[number], arm.changes))
    return found


def merge_changes(assignments: Iterable[Assignment]) -> Changes:
    """All changes together; where two layers change the same, the first experiment by id wins."""
    values: dict[str, object] = {}
    for one in sorted(assignments, key=lambda one: one.experiment_id):
        for name in Changes.__struct_fields__:
            value = getattr(one.changes, name)
            if value is not None:
                values.setdefault(name, value)
    return Changes(**values)  # type: ignore[arg-type]
