"""Settings in the desired state: their layers, how far the newest are rolled out, what that gives an edge. Pure.

The layers are resources of the type `settings`; the one resource of the type `rollout` says how far they are, and what
they were before. So every replica of control works out the same from what it holds, and each step is a revision. What
an edge has is always the newest of its number: taking back is a new revision with the settings of before, and edges
need no way back in their versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from control.desired.changes import canonical
from control.desired.documents import Document
from control.desired.resources import ROLLOUT, Change, Desired
from control.rollout.layers import EdgeLabels, Layers, content_of, edited
from control.rollout.rollout import Rollout, State, has_it, reaching, revert
from kernel.fleet.messages import SETTINGS, Version

_ONLY = "settings"


class RolloutConflict(ValueError):
    """What is asked for does not fit how far the rollout is; says why."""


@dataclass(frozen=True, slots=True)
class SettingsState:
    """The settings as desired: `layers` the newest, `number` their revision, `before` those that they replace.

    `rollout` None: nothing was ever pushed. `set_aside`: layers that were superseded on their way by a change that is
    not yet there, and go with it.
    """

    number: int = 0
    layers: Layers = field(default_factory=dict)
    rollout: Rollout | None = None
    before: Layers = field(default_factory=dict)
    set_aside: Layers | None = None

    @property
    def under_way(self) -> bool:
        """Whether a rollout is rolling or held."""
        return self.rollout is not None and self.rollout.state in (State.ROLLING, State.HELD)

    def document(self, who: EdgeLabels, epoch: str) -> Document:
        """The settings an edge gets now."""
        rollout = self.rollout
        if rollout is not None and self.under_way and not has_it(who.id, rollout):
            return Document(Version(epoch, rollout.before), content_of(self.before, who))
        return Document(Version(epoch, self.number), content_of(self.layers, who))

    def concerns(self, who: EdgeLabels) -> bool:
        """Whether the newest settings differ for an edge from those before."""
        return content_of(self.layers, who) != content_of(self.before, who)


def pushed(desired: Desired) -> SettingsState:
    """What the desired state says of settings."""
    shelf = desired.resource_set(SETTINGS)
    layers = {name: json.loads(held.content) for name, held in sorted(shelf.resources.items())}
    said = desired.content(ROLLOUT, _ONLY)
    if said is None:
        return SettingsState(shelf.number, layers)
    document: dict[str, Any] = json.loads(said)
    members = document["rollout"]
    rollout = Rollout(**members | {"state": State(members["state"])})
    return SettingsState(shelf.number, layers, rollout, document["before"], document["setAside"])


def push(desired: Desired, edits: Mapping[str, object], edges: Iterable[EdgeLabels], now: float) -> Change:
    """Start a rollout of the layers after these edits (None removes one); no change when the layers stay the same.

    `edges`: those that are connected. Raises BadDocument, and RolloutConflict while another is under way.
    """
    held = pushed(desired)
    if held.under_way:
        raise RolloutConflict("other settings are on their way")
    layers = edited(held.set_aside or held.layers, edits)
    return _begun(desired, held, layers, edges, now)


def back(desired: Desired, edges: Iterable[EdgeLabels], now: float) -> Change:
    """Start rolling back to the settings before the last rollout. Raises RolloutConflict when there are none."""
    held = pushed(desired)
    if held.rollout is None or held.rollout.state is not State.DONE:
        raise RolloutConflict("there are no settings to go back from")
    return _begun(desired, held, held.before, edges, now)


def _begun(desired: Desired, held: SettingsState, layers: Layers, edges: Iterable[EdgeLabels], now: float) -> Change:
    if layers == held.layers:
        return Change()
    number = desired.revision + 1
    following = SettingsState(number, layers, None, held.layers)
    concerned = [who.id for who in edges if following.concerns(who)]
    rollout = reaching(Rollout(number, held.number, now, began=now), concerned)
    if not concerned:
        rollout = replace(rollout, state=State.DONE, why="it changes nothing for an edge that is connected")
    return _change(held.layers, replace(following, rollout=rollout))


def moved(desired: Desired, rollout: Rollout) -> Change:
    """Store the rollout's next state; no change when the rollout has ended or another one has started."""
    held = pushed(desired)
    if held.rollout is None or not held.under_way or held.rollout.number != rollout.number:
        return Change()
    if rollout.state is State.REVERTED:
        return _taken_back(held, rollout, None)
    return _change(held.layers, replace(held, rollout=rollout))


def superseded(desired: Desired, now: float, why: str) -> Change:
    """Revert the running rollout because a new one will include its change."""
    held = pushed(desired)
    if held.rollout is None or not held.under_way:
        return Change()
    return _taken_back(held, revert(held.rollout, now, why), held.layers)


def _taken_back(held: SettingsState, rollout: Rollout, set_aside: Layers | None) -> Change:
    return _change(held.layers, SettingsState(0, held.before, rollout, held.layers, set_aside))


def _change(old: Layers, following: SettingsState) -> Change:
    assert following.rollout is not None  # noqa: S101 (for the types)
    document = {"rollout": asdict(following.rollout), "before": following.before, "setAside": following.set_aside}
    puts = {(SETTINGS, name): canonical(layer) for name, layer in following.layers.items() if old.get(name) != layer}
    gone = frozenset((SETTINGS, name) for name in old.keys() - following.layers.keys())
    return Change(puts | {(ROLLOUT, _ONLY): canonical(document)}, gone)
