"""What a revision changed: values before and after, packed for storage, squashed, inverted. Pure.

A change is of a resource (kind `rules`, `keys`, ...) or of a row of another table (kind `node`, `group`, ...). The
values are JSON; None means that it did not exist before, or no longer exists.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

MAX_BYTES = 32 << 20
"""Details longer than this are not stored; the revision is kept without them."""


class ResourceChange(NamedTuple):
    """One thing that a revision changed."""

    kind: str
    name: str
    before: bytes | None
    after: bytes | None


def pack(touches: Iterable[ResourceChange]) -> bytes | None:
    """The compressed form for storage; None if it is too long."""
    rows = [(one.kind, one.name, _text(one.before), _text(one.after)) for one in touches]
    made = json.dumps(rows, separators=(",", ":")).encode()
    return zlib.compress(made, 1) if len(made) <= MAX_BYTES else None


def unpack(content: bytes) -> tuple[ResourceChange, ...]:
    """The changes in packed bytes. Raises ValueError if they are damaged."""
    unpacker = zlib.decompressobj()
    try:
        rows = json.loads(unpacker.decompress(content, MAX_BYTES + 1))
        return tuple(ResourceChange(kind, name, _bytes(before), _bytes(after)) for kind, name, before, after in rows)
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError(f"the stored details are damaged: {error}") from None


def squash(revisions: Iterable[Iterable[ResourceChange]]) -> tuple[ResourceChange, ...]:
    """The net changes of several revisions, oldest first, sorted by kind and name; without those that cancel out."""
    first: dict[tuple[str, str], bytes | None] = {}
    last: dict[tuple[str, str], bytes | None] = {}
    for touches in revisions:
        for touch in touches:
            key = (touch.kind, touch.name)
            first.setdefault(key, touch.before)
            last[key] = touch.after
    return tuple(ResourceChange(*key, first[key], last[key]) for key in sorted(last) if first[key] != last[key])


def invert(touches: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """The changes that undo these."""
    return tuple(ResourceChange(one.kind, one.name, one.after, one.before) for one in touches)


def summary(touches: Sequence[ResourceChange], most: int = 20) -> dict[str, Any]:
    """Counts and the first names, as a list of revisions shows them."""
    return {
        "puts": sum(one.after is not None for one in touches),
        "removes": sum(one.after is None for one in touches),
        "names": sorted({one.name for one in touches})[:most],
        "kinds": sorted({one.kind for one in touches}),
    }


def touch_json(touch: ResourceChange) -> dict[str, Any]:
    """A change as the API shows it."""
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
