"""When and where the rows of operators are shown."""

import pytest

from services.recommend.curation import MAX_ROWS, CuratedRow, is_shown
from services.recommend.store import FeedbackStore

ROW = CuratedRow("Winter", ("a",), countries=("DE",), starts=10.0, ends=20.0)


@pytest.mark.parametrize(
    ("country", "now", "shown"),
    [("DE", 10.0, True), ("DE", 9.9, False), ("DE", 20.0, False), ("FR", 15.0, False), (None, 15.0, False)],
)
def test_a_row_has_its_countries_and_its_time(country, now, shown):
    assert is_shown(ROW, country, now) is shown


def test_a_row_without_bounds_is_for_everybody():
    assert is_shown(CuratedRow("All", ("a",)), None, 0.0)


async def test_rows_are_kept_in_their_order_and_bounded(database_address):
    store = FeedbackStore(database_address)
    await store.open()
    try:
        curation = store.curation
        for number in range(MAX_ROWS):
            assert await curation.put_row(f"r{number:03}", CuratedRow("Row", ("a",), rank=MAX_ROWS - number))
        assert not await curation.put_row("more", ROW)
        assert await curation.put_row("r000", CuratedRow("First", ("b",), rank=0))
        rows = await curation.list_rows()
        assert (rows[0][0], rows[0][1].title, rows[1][0]) == ("r000", "First", f"r{MAX_ROWS - 1}")
        assert await curation.delete_row("r000")
        assert not await curation.delete_row("r000")
    finally:
        await store.close()
