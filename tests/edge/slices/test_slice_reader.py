"""A slice is a part of what was chosen already."""

from cache.fills.fill import Fill
from edge.slices.slice_reader import SliceReader
from tests.cache.workbench import response
from tests.scenario.clock import FakeClock


class Reads(SliceReader):
    """Somebody at a place."""


def test_it_takes_what_comes():
    reader, entry = Reads(), response(FakeClock(), b"/k")
    reader.position = 5
    assert reader.matches(entry)
    assert [reader.is_covered_by(entry, first, stop) for first, stop in ((0, 6), (5, 6), (6, 9), (0, 5))] == [
        True, True, False, False
    ]  # fmt: skip
    reader.on_interim(b"")
    reader.on_head(Fill(b"/k", 0.0))
    reader.on_not_modified(entry)
    reader.on_sliced(entry)
