"""Settings in the desired state: their layers, the rollout of the newest ones, the settings of each edge. Pure.

The layers are resources of the type `settings`; the single resource of the type `rollout` holds the rollout's state and
the layers before it. So every replica of control computes the same, and each step is a revision. Reverting makes a new
revision with the earlier settings, so an edge's version never goes back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from control.desired.changes import canonical
from control.desired.documents import Document
from control.desired.resources import ROLLOUT, Change, Desired
from control.rollout.layers import EdgeLabels, Layers, apply_edits, settings_content
from control.rollout.rollout import Rollout, RolloutState, has_new_settings, revert, with_cutoff
from kernel.fleet.messages import SETTINGS, Version

_ONLY = "settings"


class RolloutConflict(ValueError):
    """The operation is not possible in the rollout's state; the text says why."""


@dataclass(frozen=True, slots=True)
class SettingsState:
    """The desired settings: the newest `layers`, their revision `number`, and the layers `before` them.

    `rollout` None: nothing was ever pushed. `set_aside`: the layers of a superseded rollout, which the change that
    supersedes it will include.
    """

    number: int = 0
    layers: Layers = field(default_factory=dict)
    rollout: Rollout | None = None
    before: Layers = field(default_factory=dict)
    set_aside: Layers | None = None

    @property
    def under_way(self) -> bool:
        """Whether a rollout is rolling or held."""
        return self.rollout is not None and self.rollout.state in (RolloutState.ROLLING, RolloutState.HELD)

    def document(self, who: EdgeLabels, epoch: str) -> Document:
        """The settings an edge gets now."""
        rollout = self.rollout
        if rollout is not None and self.under_way and not has_new_settings(who.id, rollout):
            return Document(Version(epoch, rollout.before), settings_content(self.before, who))
        return Document(Version(epoch, self.number), settings_content(self.layers, who))

    def concerns(self, who: EdgeLabels) -> bool:
        """Whether the newest settings differ for an edge from those before."""
        return settings_content(self.layers, who) != settings_content(self.before, who)


def read_settings(desired: Desired) -> SettingsState:
    """Read the settings from the desired state."""
    held = desired.resource_set(SETTINGS)
    layers = {name: json.loads(layer.content) for name, layer in sorted(held.resources.items())}
    stored = desired.content(ROLLOUT, _ONLY)
    if stored is None:
        return SettingsState(held.number, layers)
    document: dict[str, Any] = json.loads(stored)
    members = document["rollout"]
    rollout = Rollout(**members | {"state": RolloutState(members["state"])})
    return SettingsState(held.number, layers, rollout, document["before"], document["setAside"])


def start_rollout(desired: Desired, edits: Mapping[str, object], edges: Iterable[EdgeLabels], now: float) -> Change:
    """Start a rollout of the layers after these edits (None removes one); no change when the layers stay the same.

    `edges`: those that are connected. Raises BadDocument, and RolloutConflict while another is under way.
    """
    held = read_settings(desired)
    if held.under_way:
        raise RolloutConflict("another rollout is under way")
    layers = apply_edits(held.set_aside or held.layers, edits)
    return _start(desired, held, layers, edges, now)


def roll_back(desired: Desired, edges: Iterable[EdgeLabels], now: float) -> Change:
    """Start rolling back to the settings before the last rollout. Raises RolloutConflict when there are none."""
    held = read_settings(desired)
    if held.rollout is None or held.rollout.state is not RolloutState.DONE:
        raise RolloutConflict("there is no finished rollout to roll back")
    return _start(desired, held, held.before, edges, now)


def _start(desired: Desired, held: SettingsState, layers: Layers, edges: Iterable[EdgeLabels], now: float) -> Change:
    if layers == held.layers:
        return Change()
    number = desired.revision + 1
    following = SettingsState(number, layers, None, held.layers)
    concerned = [who.id for who in edges if following.concerns(who)]
    rollout = with_cutoff(Rollout(number, held.number, now, began=now), concerned)
    if not concerned:
        rollout = replace(rollout, state=RolloutState.DONE, why="it changes nothing for any connected edge")
    return _change(held.layers, replace(following, rollout=rollout))


def store_step(desired: Desired, rollout: Rollout) -> Change:
    """The change that stores a rollout's next state; none if the rollout has ended or another one has started."""
    held = read_settings(desired)
    if held.rollout is None or not held.under_way or held.rollout.number != rollout.number:
        return Change()
    if rollout.state is RolloutState.REVERTED:
        return _revert(held, rollout, None)
    return _change(held.layers, replace(held, rollout=rollout))


def supersede(desired: Desired, now: float, why: str) -> Change:
    """Revert the running rollout because a new one will include its change."""
    held = read_settings(desired)
    if held.rollout is None or not held.under_way:
        return Change()
    return _revert(held, revert(held.rollout, now, why), held.layers)


def _revert(held: SettingsState, rollout: Rollout, set_aside: Layers | None) -> Change:
    return _change(held.layers, SettingsState(0, held.before, rollout, held.layers, set_aside))


def _change(old: Layers, following: SettingsState) -> Change:
    assert following.rollout is not None  # noqa: S101 (for the types)
    document = {"rollout": asdict(following.rollout), "before": following.before, "setAside": following.set_aside}
    puts = {(SETTINGS, name): canonical(layer) for name, layer in following.layers.items() if old.get(name) != layer}
    gone = frozenset((SETTINGS, name) for name in old.keys() - following.layers.keys())
    return Change(puts | {(ROLLOUT, _ONLY): canonical(document)}, gone)
