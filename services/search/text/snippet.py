"""Snippets and highlights: the part of a text that a query matches. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from services.search.text.fold import fold

SNIPPET = 200
"""Approximate length of a snippet in characters."""
MAX_HITS = 200
_WORD = re.compile(r"\w+")


def snippet(text: str, wanted: Sequence[str], size: int = SNIPPET) -> str:
    """About `size` characters of a text around the best matches, HTML-escaped; "" for an empty text.

    The text has single spaces, as rows of the index keep it.
    A word matches when it begins with one of `wanted` (folded).
    """
    if len(text) <= size:
        return html.escape(text, quote=False)
    start = _best_start(_find_matches(text, wanted), size)
    if start > 0:
        start = text.rfind(" ", 0, max(0, start - size // 5)) + 1
    end = len(text) if len(text) - start <= size else text.rfind(" ", start, start + size)
    end = end if end > start else start + size
    return ("… " if start else "") + html.escape(text[start:end], quote=False) + (" …" if end < len(text) else "")


def _find_matches(text: str, wanted: Sequence[str]) -> list[int]:
    """Where words begin with one of `wanted`."""
    if not wanted:
        return []
    sought = tuple(wanted)
    # Looking for each word is much less work than folding every word, which is left for words with accents.
    lower = text.lower()
    hits: list[int] = []
    if len(lower) != len(text):
        wanted, lower = (), ""
    for word in wanted:
        at = lower.find(word)
        while at >= 0 and len(hits) < MAX_HITS:
            if at == 0 or not lower[at - 1].isalnum():
                hits.append(at)
            at = lower.find(word, at + len(word))
    if hits or text.isascii():
        return sorted(hits)
    return [found.start() for found in _WORD.finditer(text) if fold(found.group()).startswith(sought)]


def highlight(text: str, matched: Sequence[str]) -> str:
    """A text as HTML with `<mark>` around the words that begin with one of `matched` (folded)."""
    wanted = tuple(matched)
    parts: list[str] = []
    at = 0
    for found in _WORD.finditer(text):
        word = fold(found.group())
        if not wanted or not word.startswith(wanted):
            continue
        parts += (html.escape(text[at : found.start()], quote=False), "<mark>", html.escape(found.group()), "</mark>")
        at = found.end()
    return "".join(parts) + html.escape(text[at:], quote=False)


def _best_start(hits: Sequence[int], size: int) -> int:
    """The start of the window with the most hits; the first of several."""
    best, most = 0, 0
    for index, start in enumerate(hits[:MAX_HITS]):
        inside = sum(1 for hit in hits[index : index + 50] if hit < start + size * 4 // 5)
        if inside > most:
            best, most = start, inside
    return best
