"""The hot list: what an edge should hold before viewers request it. Control writes it, edges read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kernel.documents import BadDocument, kind_of, parse_object
from kernel.vocabulary import CONTENT_ID

MAX_ROWS = 1_000
"""Renditions in one edge's list."""
MAX_SEGMENTS = 100_000
MAX_RENDITION_LENGTH = 256

_MEMBERS = ("contentId", "rendition", "segments", "urgent")


@dataclass(frozen=True, slots=True)
class HotRow:
    """`rendition` is the folder below the title; its first `segments` should be cached. `urgent`: its popularity is
    rising, so neither the time of day nor less popular titles delay it."""

    content_id: str
    rendition: str
    segments: int
    urgent: bool = False


def hot_document(rows: Iterable[HotRow]) -> dict[str, object]:
    """The document of these rows, the hottest first."""
    return {
        "rows": [
            {"contentId": row.content_id, "rendition": row.rendition, "segments": row.segments, "urgent": row.urgent}
            for row in rows
        ]
    }


def parse_hot(document: object) -> tuple[HotRow, ...]:
    """The rows of a document; BadDocument naming the place."""
    rows = parse_object(document, "", ("rows",)).get("rows", [])
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise BadDocument("rows", f"must be a list of at most {MAX_ROWS}, not {kind_of(rows)}")
    return tuple(_row(row, f"rows[{number}]") for number, row in enumerate(rows))


def _row(value: object, path: str) -> HotRow:
    row = parse_object(value, path, _MEMBERS)
    content_id, rendition = _text(row, "contentId", path), _text(row, "rendition", path)
    segments, urgent = row.get("segments"), row.get("urgent", False)
    if CONTENT_ID.fullmatch(content_id) is None:
        raise BadDocument(f"{path}.contentId", "is no contentId")
    if len(rendition) > MAX_RENDITION_LENGTH or not rendition.isascii() or not rendition.isprintable():
        raise BadDocument(f"{path}.rendition", "is no folder")
    if isinstance(segments, bool) or not isinstance(segments, int) or not 1 <= segments <= MAX_SEGMENTS:
        raise BadDocument(f"{path}.segments", f"must be a number from 1 to {MAX_SEGMENTS}")
    if not isinstance(urgent, bool):
        raise BadDocument(f"{path}.urgent", f"must be true or false, not {kind_of(urgent)}")
    return HotRow(content_id, rendition, segments, urgent)


def _text(row: Mapping[str, object], name: str, path: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise BadDocument(f"{path}.{name}", f"must be a text, not {kind_of(value)}")
    return value
