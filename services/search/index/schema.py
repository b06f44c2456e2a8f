"""The schema of the Tantivy index, and a title's document. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from tantivy import Document, Filter, SchemaBuilder, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from services.search.index.entry import EVERYWHERE, IndexedTitle, TitleRow
from services.search.text.fold import index_tokens, trigrams, words

INDEX_VERSION = 5
"""Increment when the schema or the analysis changes: an index of another version is rebuilt."""
MAX_TEXT_WORDS = 10_000
MAX_WORD_BYTES = 1_000
LINE_HEAD, WORD_HEAD = 3, 2
"""Letters of the beginnings of lines and words that are terms of their own.

So many words begin with the first letters that viewers type that reading the list of each would take 20 ms.
"""


def analyzers() -> dict[str, TextAnalyzer]:
    """The tokenizers that the schema names; their input is folded already."""
    english = TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.remove_long(MAX_WORD_BYTES))
    return {
        "folded": TextAnalyzerBuilder(Tokenizer.whitespace()).build(),
        "english": english.filter(Filter.stemmer("english")).build(),
    }


def _build_schema() -> Any:
    builder = SchemaBuilder()
    for name in ("id", "forms", "countries", "trigrams", "heads"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("genres", "languages", "tier", "kind", "parent", "cast_names", "title_sort"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    # Fields that hold others together: one list of titles for a word is much cheaper to read than the union of several.
    for name in ("title", "people", "names", "characters", "title_heads", "names_heads"):
        builder.add_text_field(name, tokenizer_name="folded", index_option="basic")
    builder.add_text_field("all", tokenizer_name="english", index_option="basic")
    for name in ("rank", "year", "year_rank", "maturity"):
        builder.add_unsigned_field(name, fast=True, indexed=True)
    builder.add_float_field("rating", fast=True, indexed=True)
    builder.add_boolean_field("playable", fast=True, indexed=True)
    builder.add_bytes_field("row", stored=True)
    return builder.build()


SCHEMA = _build_schema()
_rows = msgspec.msgpack.Decoder(TitleRow)
_STEMMER = TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.stemmer("english")).build()


def to_document(entry: IndexedTitle, row: TitleRow) -> Any:
    """Convert a title to a document of the index."""
    title = " ".join(row.tokens)
    people = [_name_text(name) for name in row.people]
    genres = [folded for folded, _ in row.genres]
    tokens = set(row.tokens)
    names = tokens.union(*(name.split() for name in people))
    fields = {
        "id": [row.content_id],
        "forms": list(row.forms),
        "heads": list(_heads(row.forms, LINE_HEAD)),
        "title": [title],
        "title_heads": [" ".join(_heads(tokens, WORD_HEAD))],
        "names_heads": [" ".join(_heads(names, WORD_HEAD))],
        "trigrams": trigrams(row.forms[0]),
        "people": people,
        "names": [title, *people],
        "cast_names": list(row.people),
        "characters": list(row.characters),
        "all": [title, *people, *row.characters, *genres, _description(entry.text)],
        "genres": genres,
        "languages": list(row.languages),
        "tier": [row.tier],
        "kind": [row.kind],
        "parent": [row.parent] if row.parent else [],
        "title_sort": [f"{row.forms[0]}\0{row.content_id}"],
        "countries": [EVERYWHERE] if row.countries is None else list(row.countries),
        "rank": [row.rank],
        "year": [row.year],
        "year_rank": [row.year << 48 | row.rank >> 15],
        "maturity": [row.maturity],
        "rating": [] if row.rating is None else [row.rating],
        "playable": [row.playable],
        "row": [msgspec.msgpack.encode(row)],
    }
    return Document.from_dict(fields, SCHEMA)


def _heads(found: Iterable[str], most: int) -> set[str]:
    """The first letters of lines or words, 1 to `most` of them."""
    return {one[:size] for one in found for size in range(1, most + 1)}


def _description(text: str) -> str:
    found = words(text)[:MAX_TEXT_WORDS]
    return " ".join(found if text.isascii() else index_tokens(found))


def _name_text(name: str) -> str:
    return name if name.isascii() else " ".join(index_tokens(name.split()))


def read_row(document: Any) -> TitleRow:
    """The row of a stored document. Raises msgspec.MsgspecError on damage."""
    return _rows.decode(bytes(document.get_first("row")))


def stem(word: str) -> str:
    """A word as the description's field has it."""
    return (_STEMMER.analyze(word) or [word])[0]
