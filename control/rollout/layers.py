"""Settings in layers: one for all edges, others over it by role, region, PoP, group and edge. Pure.

An edge's layers apply from the general to the particular; a setting replaces the whole value of an earlier layer (a
list of routes too). If an edge names several regions, the first takes precedence. A layer is checked as the edge will
check it, by `kernel.settings.live_settings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from control.desired.changes import canonical
from kernel.documents import BadDocument
from kernel.settings.live_settings import check_settings

ALL = "all"
KINDS = ("role", "region", "pop", "group", "edge")
MAX_LAYERS = 500
MAX_BYTES = 256 << 10
"""Size of a layer as JSON."""

_NAME = re.compile(rf"{ALL}|(?:{'|'.join(KINDS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,63}}", re.ASCII)

Layers = Mapping[str, Mapping[str, object]]
"""The layers by name: `all`, `role/edge`, `region/eu`, `pop/fra1`, `group/canaries`, `edge/e1`."""


class EdgeLabels(NamedTuple):
    """The properties of an edge that select its layers; `region` may name several, separated by commas."""

    id: str
    role: str = "edge"
    region: str = ""
    pop: str = ""
    group: str = ""

    def layers(self) -> Iterator[str]:
        """The names of its layers, from the general to the particular."""
        yield ALL
        yield f"role/{self.role}"
        for region in reversed(self.region.split(",")):
            yield f"region/{region}"
        yield f"pop/{self.pop}"
        yield f"group/{self.group}"
        yield f"edge/{self.id}"


def merged_settings(layers: Layers, who: EdgeLabels) -> dict[str, object]:
    """The settings of an edge."""
    made: dict[str, object] = {}
    for name in who.layers():
        made.update(layers.get(name, {}))
    return made


def settings_content(layers: Layers, who: EdgeLabels) -> bytes:
    """The settings of an edge as the JSON that is sent; b"" without any."""
    made = merged_settings(layers, who)
    return canonical(made) if made else b""


def apply_edits(layers: Layers, edits: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The layers after edits, which replace or remove (None) layers. Raises BadDocument naming layer and setting."""
    made = dict(layers)
    for name, document in edits.items():
        if not _NAME.fullmatch(name):
            raise BadDocument(
                "", f"{name[:80]!r} is not a layer: must be all, or {', '.join(KINDS)} with a name, as region/eu"
            )
        if document is None:
            made.pop(name, None)
            continue
        checked: dict[str, Any] = check_settings(document, f"layer {name}")
        if len(canonical(checked)) > MAX_BYTES:
            raise BadDocument(f"layer {name}", f"is larger than {MAX_BYTES >> 10} KiB")
        made[name] = checked
    if len(made) > MAX_LAYERS:
        raise BadDocument("", f"at most {MAX_LAYERS} layers are allowed")
    return made
