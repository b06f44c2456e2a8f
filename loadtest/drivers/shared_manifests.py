"""Parsed manifests, shared by all players of a run: thousands of viewers read the same few documents."""

from collections import OrderedDict
from typing import TypeVar

import xxhash

from loadtest.player.presentation import Presentation, Timeline
from loadtest.player.title import PlainReader

MAX_PARSED = 2_000
"""Documents kept, the least recently used is dropped first."""

_Parsed = TypeVar("_Parsed", Presentation, Timeline)


class SharedManifests:
    """A ManifestReader that parses equal documents once."""

    def __init__(self) -> None:
        self._reader = PlainReader()
        self._parsed: OrderedDict[tuple[str, bytes], Presentation | Timeline] = OrderedDict()

    def presentation(self, body: bytes) -> Presentation:
        """A multivariant playlist or MPD."""
        known = self._known("presentation", body)
        if isinstance(known, Presentation):
            return known
        return self._keep("presentation", body, self._reader.presentation(body))

    def timeline(self, body: bytes) -> Timeline:
        """A media playlist."""
        known = self._known("timeline", body)
        if isinstance(known, Timeline):
            return known
        return self._keep("timeline", body, self._reader.timeline(body))

    def _known(self, kind: str, body: bytes) -> Presentation | Timeline | None:
        key = (kind, xxhash.xxh3_128_digest(body))
        if key in self._parsed:
            self._parsed.move_to_end(key)
        return self._parsed.get(key)

    def _keep(self, kind: str, body: bytes, parsed: _Parsed) -> _Parsed:
        self._parsed[(kind, xxhash.xxh3_128_digest(body))] = parsed
        if len(self._parsed) > MAX_PARSED:
            self._parsed.popitem(last=False)
        return parsed
