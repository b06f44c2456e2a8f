"""Settings in layers: one for all, others laid over it by role, region, PoP, group and edge. Pure.

What an edge gets is the same whoever works it out: from the general to the particular, each layer's settings replace
those of the same name before them, whole (a list of routes too). Of several regions the first that an edge names has
the last word. A layer is checked as the edge will check it, by `kernel.settings.live_settings`.
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
"""Of a layer, as JSON."""

_NAME = re.compile(rf"{ALL}|(?:{'|'.join(KINDS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,63}}", re.ASCII)

Layers = Mapping[str, Mapping[str, object]]
"""The layers by name: `all`, `role/edge`, `region/eu`, `pop/fra1`, `group/canaries`, `edge/e1`."""


class EdgeLabels(NamedTuple):
    """An edge as layers ask for it; `region` may name several, with commas."""

    id: str
    role: str = "edge"
    region: str = ""
    pop: str = ""
    group: str = ""

    def layers(self) -> Iterator[str]:
        """The names of the layers that count for it, from the general to the particular."""
        yield ALL
        yield f"role/{self.role}"
        for region in reversed(self.region.split(",")):
            yield f"region/{region}"
        yield f"pop/{self.pop}"
        yield f"group/{self.group}"
        yield f"edge/{self.id}"


def merged(layers: Layers, who: EdgeLabels) -> dict[str, object]:
    """The settings of an edge."""
    made: dict[str, object] = {}
    for name in who.layers():
        made.update(layers.get(name, {}))
    return made


def content_of(layers: Layers, who: EdgeLabels) -> bytes:
    """The document of an edge as it is sent; b"" where nothing is said."""
    made = merged(layers, who)
    return canonical(made) if made else b""


def edited(layers: Layers, edits: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The layers after some are put, or taken away (None). Raises BadDocument naming layer and setting."""
    made = dict(layers)
    for name, document in edits.items():
        if not _NAME.fullmatch(name):
            raise BadDocument("", f"{name[:80]!r} is no layer: all, or {', '.join(KINDS)} with a name, as region/eu")
        if document is None:
            made.pop(name, None)
            continue
        checked: dict[str, Any] = check_settings(document, f"layer {name}")
        if len(canonical(checked)) > MAX_BYTES:
            raise BadDocument(f"layer {name}", f"is larger than {MAX_BYTES >> 10} KiB")
        made[name] = checked
    if len(made) > MAX_LAYERS:
        raise BadDocument("", f"at most {MAX_LAYERS} layers may be")
    return made
