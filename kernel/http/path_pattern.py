"""The path patterns of routes: a prefix, a glob over whole segments, or a file name. Pure.

`/posters/` matches everything below a folder; `/cdn/*/*/posters/*.jpg` matches segment by segment;
`/live/**/index.m3u8` has any number of segments in between; `*.m3u8` matches a name in any folder. `*` stands for any
bytes within one segment. A pattern is compared with a normalised path segment by segment, in linear time: no regular
expression, no backtracking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.http.paths import normalise_any

MAX_SEGMENTS = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: exactly `before`, or with a star between `before` and `after`."""

    before: bytes
    after: bytes | None

    def matches(self, segment: bytes) -> bool:
        """Whether the segment of a path is meant."""
        if self.after is None:
            return segment == self.before
        return (
            len(segment) >= len(self.before) + len(self.after)
            and segment.startswith(self.before)
            and segment.endswith(self.after)
        )

    @property
    def any(self) -> bool:
        """Whether every segment is meant."""
        return self.after == b"" == self.before


@dataclass(frozen=True, slots=True)
class PathPattern:
    """`head` from the start, `tail` to the end; between them nothing, or any segments where it is `deep`."""

    head: tuple[Segment, ...]
    tail: tuple[Segment, ...]
    deep: bool

    def matches(self, segments: Sequence[bytes]) -> bool:
        """Whether the path of these segments is meant."""
        head, tail, many = self.head, self.tail, len(segments)
        if many < len(head) + len(tail) or (not self.deep and many != len(head)):
            return False
        if not all(map(Segment.matches, head, segments)):
            return False
        return all(map(Segment.matches, tail, segments[many - len(tail) :]))

    def of_folder(self, folder: Sequence[bytes]) -> bool | None:
        """Whether every file of a folder is meant (True), or none (False); None: it depends on the file's name."""
        last = (self.tail if self.deep else self.head)[-1]
        if not self.matches([*folder, last.before + (last.after or b"")]):
            return False
        return True if last.any else None


def parse_pattern(text: str) -> PathPattern:
    """Parse the text of a setting. Raises ValueError with the reason."""
    try:
        pattern = text.encode("ascii")
    except UnicodeEncodeError:
        raise ValueError(f"{text!r}: write what is beyond ASCII as escapes such as %C3%A9") from None
    if not pattern.startswith(b"/"):
        if b"/" in pattern:
            raise ValueError(f"{text!r} begins with / or is the name of a file, such as *.m3u8")
        pattern = b"/**/" + pattern
    if pattern.endswith(b"/"):
        pattern += b"**"
    if pattern.endswith(b"/**"):
        pattern += b"/*"
    plain = pattern.replace(b"*", b"x")
    if b"?" in pattern or normalise_any(plain) != plain:
        raise ValueError(f"{text!r} is not a path in its normal form (no query, no dot segments, no needless escapes)")
    parts = pattern[1:].split(b"/")
    if len(parts) > MAX_SEGMENTS:
        raise ValueError(f"{text!r} has more than {MAX_SEGMENTS} segments")
    if parts.count(b"**") > 1:
        raise ValueError(f"{text!r} has ** more than once")
    if b"**" not in parts:
        return PathPattern(tuple(_segment(part, text) for part in parts), (), deep=False)
    cut = parts.index(b"**")
    head, tail = parts[:cut], parts[cut + 1 :]
    return PathPattern(
        tuple(_segment(part, text) for part in head), tuple(_segment(part, text) for part in tail), deep=True
    )


def _segment(part: bytes, text: str) -> Segment:
    before, star, after = part.partition(b"*")
    if b"*" in after:
        raise ValueError(f"{text!r}: one * in a segment, and ** only as a whole one")
    return Segment(before, after if star else None)
