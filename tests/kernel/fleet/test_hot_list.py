"""The hot list as a document."""

import pytest

from kernel.documents import BadDocument
from kernel.fleet.hot_list import MAX_ROWS, HotRow, hot_document, parse_hot

ROW = {"contentId": "film", "rendition": "v720", "segments": 4}


def test_there_and_back():
    rows = (HotRow("film", "v720", 4, urgent=True), HotRow("other", "", 100))
    assert parse_hot(hot_document(rows)) == rows
    assert parse_hot({}) == ()


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({"rows": {}}, "rows"),
        ({"rows": [ROW] * (MAX_ROWS + 1)}, "rows"),
        ({"rows": [{**ROW, "more": 1}]}, "rows[0].more"),
        ({"rows": [{**ROW, "contentId": "../x"}]}, "rows[0].contentId"),
        ({"rows": [{**ROW, "rendition": 1}]}, "rows[0].rendition"),
        ({"rows": [{**ROW, "rendition": "ä"}]}, "rows[0].rendition"),
        ({"rows": [ROW, {**ROW, "segments": 0}]}, "rows[1].segments"),
        ({"rows": [{**ROW, "segments": True}]}, "rows[0].segments"),
        ({"rows": [{**ROW, "urgent": 1}]}, "rows[0].urgent"),
    ],
)
def test_what_is_wrong_is_named(document, path):
    with pytest.raises(BadDocument) as caught:
        parse_hot(document)
    assert caught.value.path == path
