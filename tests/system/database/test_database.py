"""A service's database on both engines: what a write promises, what a reader sees, and databases that are none."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from kernel.errors import StorageFailed
from system.database.database import Database
from system.database.engine import DatabaseAddress
from tests.system.database.conftest import FIRST, numbers

TEXTS = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("texts", sa.Column("t", sa.Text))
"""


async def count(database):
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(numbers))).scalar_one()


async def insert(database, *values):
    async with database.write() as connection:
        await connection.execute(database.insert(numbers), [{"n": value} for value in values])


async def test_rows_of_a_write_outlive_the_connection(open_database):
    database = await open_database()
    await insert(database, 1, 2)
    await database.close()
    assert await count(await open_database()) == 2


async def test_a_write_that_raises_is_undone(open_database):
    database = await open_database()

    async def write_and_fail():
        async with database.write() as connection:
            await connection.execute(database.insert(numbers), {"n": 1})
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await count(database) == 0


async def test_a_function_is_one_transaction(open_database):
    database = await open_database()

    def write(connection):
        connection.execute(database.insert(numbers), {"n": 1})
        return connection.execute(select(func.count()).select_from(numbers)).scalar_one()

    def write_and_fail(connection):
        connection.execute(database.insert(numbers), {"n": 2})
        raise RuntimeError("no")

    assert await database.run_write(write) == 1
    with pytest.raises(RuntimeError):
        await database.run_write(write_and_fail)
    with pytest.raises(IntegrityError):
        await database.run_write(write)
    assert await database.run_read(lambda it: it.execute(select(numbers.c.n)).scalars().all()) == [1]
    await database.close()
    with pytest.raises(StorageFailed, match="not open"):
        await database.run_read(lambda it: it.execute(select(numbers.c.n)))


async def test_readers_see_one_moment_and_never_wait_for_a_writer(open_database):
    database = await open_database()
    async with database.read() as connection:
        before = (await connection.execute(select(func.count()).select_from(numbers))).scalar_one()
        await insert(database, 1)
        after = (await connection.execute(select(func.count()).select_from(numbers))).scalar_one()
    assert (before, after, await count(database)) == (0, 0, 1)


async def test_two_writers_queue_instead_of_losing_an_update(open_database):
    first, second = await open_database(), await open_database()
    await insert(first, 1)

    async def double(database):
        async with database.write() as connection:
            row = select(numbers.c.twice).where(numbers.c.n == 1).with_for_update()
            found = (await connection.execute(row)).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(numbers.update().values(twice=found * 2))

    await asyncio.gather(double(first), double(second))
    async with first.read() as connection:
        assert (await connection.execute(select(numbers.c.twice))).scalar_one() == 8


async def test_a_violated_constraint_is_the_callers_to_handle(open_database):
    database = await open_database()
    await insert(database, 1)
    with pytest.raises(IntegrityError):
        await insert(database, 1)


async def test_services_in_one_server_have_tables_of_the_same_name(open_database):
    films = await open_database()
    if not films.is_shared:
        return
    await insert(films, 1)
    assert await count(await open_database(schema="people")) == 0


async def test_other_processes_hear_of_a_committed_change(open_database):
    writer = await open_database()
    if not writer.is_shared:
        return
    heard = asyncio.Queue()
    connection = await writer.listen(heard.put_nowait, lambda: None)
    async with writer.write() as transaction:
        await writer.notify(transaction, "changed")
        assert heard.empty()
    assert await asyncio.wait_for(heard.get(), 10) == "changed"
    await connection.close()


async def test_deleted_rows_leave_no_bytes_in_the_files(tmp_path, history):
    migrations = history(TEXTS)
    database = Database(DatabaseAddress(tmp_path / "x.sqlite3"), migrations, "x")
    await database.open()
    async with database.write() as connection:
        for number in range(200):
            await connection.execute(text("INSERT INTO texts VALUES (:t)"), {"t": f"ann-secret-{number}" * 50})
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM texts WHERE t LIKE 'ann%'"))
    await database.scrub()
    assert not any(b"ann-secret" in file.read_bytes() for file in tmp_path.glob("x.sqlite3*"))
    await database.close()


async def test_a_file_that_is_no_database_is_named(tmp_path, history):
    (tmp_path / "x.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageFailed, match=r"x\.sqlite3"):
        await Database(DatabaseAddress(tmp_path / "x.sqlite3"), history(FIRST), "x").open()


async def test_a_server_that_is_away_is_named_without_its_password(history):
    address = DatabaseAddress(None, "postgresql://me@127.0.0.1:9/films", "hunter2")
    with pytest.raises(StorageFailed, match=r"postgresql://127\.0\.0\.1:9/films cannot be opened") as failed:
        await Database(address, history(FIRST), "x").open()
    assert "hunter2" not in str(failed.value)


async def test_a_closed_database_says_so(tmp_path, history):
    with pytest.raises(StorageFailed, match="not open"):
        await count(Database(DatabaseAddress(tmp_path / "x.sqlite3"), history(FIRST), "x"))
