"""What a revision changed, from what to what: kept compressed, compared, turned round. Pure.

A touch is of a resource (kind `rules`, `keys`, ...) or of a row of another table (kind `node`, `group`, ...); before
and after are JSON, None where there was, or is, nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

MAX_BYTES = 32 << 20
"""A revision whose details are longer than that is kept without them."""


class ResourceChange(NamedTuple):
    """One thing that a revision changed."""

    kind: str
    name: str
    before: bytes | None
    after: bytes | None


def packed(touches: Iterable[ResourceChange]) -> bytes | None:
    """Bytes to keep; None when there is too much."""
    rows = [(one.kind, one.name, _text(one.before), _text(one.after)) for one in touches]
    made = json.dumps(rows, separators=(",", ":")).encode()
    return zlib.compress(made, 1) if len(made) <= MAX_BYTES else None


def unpacked(content: bytes) -> tuple[ResourceChange, ...]:
    """The touches of `packed` bytes. ValueError when they are damaged."""
    unpacker = zlib.decompressobj()
    try:
        rows = json.loads(unpacker.decompress(content, MAX_BYTES + 1))
        return tuple(ResourceChange(kind, name, _bytes(before), _bytes(after)) for kind, name, before, after in rows)
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError(f"the details kept are damaged: {error}") from None


def squashed(revisions: Iterable[Iterable[ResourceChange]]) -> tuple[ResourceChange, ...]:
    """What several revisions, oldest first, change together; what ends as it began is left out. In order of name."""
    first: dict[tuple[str, str], bytes | None] = {}
    last: dict[tuple[str, str], bytes | None] = {}
    for touches in revisions:
        for touch in touches:
            key = (touch.kind, touch.name)
            first.setdefault(key, touch.before)
            last[key] = touch.after
    return tuple(ResourceChange(*key, first[key], last[key]) for key in sorted(last) if first[key] != last[key])


def inverted(touches: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """What takes a change back."""
    return tuple(ResourceChange(one.kind, one.name, one.after, one.before) for one in touches)


def summary(touches: Sequence[ResourceChange], most: int = 20) -> dict[str, Any]:
    """Counts and the first names, as lists of revisions show them."""
    return {
        "puts": sum(one.after is not None for one in touches),
        "removes": sum(one.after is None for one in touches),
        "names": sorted({one.name for one in touches})[:most],
        "kinds": sorted({one.kind for one in touches}),
    }


def touch_json(touch: ResourceChange) -> dict[str, Any]:
    """A touch as the API shows it."""
    return {
        "kind": touch.kind,
        "name": touch.name,
        "before": None if touch.before is None else json.loads(touch.before),
        "after": None if touch.after is None else json.loads(touch.after),
    }


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
