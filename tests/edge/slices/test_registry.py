"""What a further part of an object in slices must be like."""

import pytest

from edge.slices.content_range import Part
from edge.slices.registry import matching_part
from edge.slices.slice_fetch import SliceFetch
from kernel.errors import UpstreamFailed
from tests.edge.slices.test_sliced_object import Ground


class Answer:
    def __init__(self, status, place, etag=b'"a"', length=None):
        self.status, self.length = status, length
        self.fields = [(b"etag", etag)] + ([(b"content-range", place)] if place else [])


def of(answer):
    fetch = SliceFetch(Ground().sliced, 3, 5)
    return matching_part(fetch, answer)


def test_the_part_that_was_asked_for():
    assert of(Answer(206, b"bytes 300-499/1000", length=200)) == Part(300, 500, 1000)
    assert of(Answer(206, b"bytes 300-399/1000", length=100)) == Part(300, 400, 1000), "less will do"


def test_the_whole_of_an_upstream_that_knows_no_ranges():
    assert of(Answer(200, b"", length=1000)) == Part(0, 1000, 1000)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(206, b"bytes 300-499/1000", b'"b"', 200), Answer(206, b"bytes 300-499/1001", length=200),
        Answer(206, b"bytes 300-499/1000", b'W/"a"', 200), Answer(200, b"", length=1001), Answer(200, b""),
        Answer(404, b""),
    ],
)  # fmt: skip
def test_another_version(answer):
    assert of(answer) is None


@pytest.mark.parametrize("place", [b"bytes 0-199/1000", b"bytes 300-599/1000", b"bytes 300-499/*", b"nonsense"])
def test_another_part_than_was_asked_for(place):
    with pytest.raises(UpstreamFailed):
        of(Answer(206, place))
