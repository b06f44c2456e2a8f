"""A small index, and searches on it."""

import pytest

from services.search.engine import Search
from services.search.index.entry import IndexedTitle
from services.search.index.title_index import TitleIndex
from services.search.query.filters import Filters
from services.search.query.parse import parse_query, read_hints
from services.search.query.request import SearchRequest


def entry(content_id, title=None, **more):
    return IndexedTitle(content_id, title or content_id, **more)


class Searched:
    """An index filled by `fill`, searched by `find`, which returns contentIds, or by `run`, which returns results."""

    def __init__(self, folder):
        self.index = TitleIndex(folder)
        self.index.create("epoch")
        self.genres = set()

    def fill(self, *entries):
        entries = [one if isinstance(one, IndexedTitle) else entry(f"t{n}", one) for n, one in enumerate(entries)]
        self.index.update_titles(entries)
        self.index.commit(1, complete=True)
        self.genres = {folded for row in self.index.snapshot.rows.values() for folded, _ in row.genres}
        return self

    def run(self, text, filters=None, synonyms=None, has_time=lambda: True, **more):
        synonyms = synonyms or {}
        request = SearchRequest(
            parse_query(text, synonyms), filters or Filters("DE"), read_hints(text, self.genres, synonyms), **more
        )
        return Search(self.index.snapshot, request, has_time).run()

    def find(self, text, filters=None, **more):
        return [hit.row.content_id for hit in self.run(text, filters, **more).hits]

    def titles(self, text, filters=None, **more):
        return [hit.row.title for hit in self.run(text, filters, **more).hits]


@pytest.fixture
def searched(tmp_path):
    made = Searched(tmp_path / "generation")
    yield made
    made.index.close()
