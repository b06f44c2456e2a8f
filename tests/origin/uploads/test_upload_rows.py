"""A complete upload is handed over once."""


async def test_only_the_first_hand_over_counts(uploads):
    await uploads.create(0)
    async with uploads.database.write() as connection:
        assert not await uploads.rows.finish_within(connection, "film", 1.0), "creation has handed it over"
    assert uploads.complete == ["film"]
    assert await uploads.rows.unfinished() == []
