"""Uploads across kills, and their limits."""

import asyncio
import contextlib

from origin.uploads.tus_protocol import Creation
from tests.origin.uploads.conftest import TUS, Uploads


async def test_a_kill_between_the_last_byte_and_the_hand_over(tmp_path, uploads, monkeypatch):
    """The next start hands the upload over, once."""
    url = await uploads.create(3)

    async def killed(_):
        raise ConnectionResetError("killed here")

    monkeypatch.setattr(uploads, "hand_over", killed)
    with contextlib.suppress(OSError):
        await uploads.patch(url, 0, b"abc")
    again = Uploads(tmp_path, uploads.clock)
    await again.start()
    assert again.complete == ["film"]
    assert await again.offset(url) == 3
    await again.stop()


async def test_bytes_that_were_never_acknowledged_are_cut_off(tmp_path, uploads):
    """A kill left more bytes in the file than the database knows: they do not get into the film."""
    url = await uploads.create(6)
    await uploads.patch(url, 0, b"abc")
    with uploads.spool.path("film").open("ab") as file:
        file.write(b"XYZ")
    (uploads.spool.folder / "stray.upload").write_bytes(b"x")
    again = Uploads(tmp_path, uploads.clock)
    await again.start()
    assert await again.offset(url) == 3
    assert (await again.patch(url, 3, b"d")).status == 204
    assert again.content() == b"abcd"
    assert [file.name for file in again.spool.folder.iterdir()] == ["film.upload"]
    await again.stop()


async def test_limits(uploads):
    for name in ("a", "b", "c"):
        await uploads.create(1, name)
    full = await uploads.client.post("/content/uploads", headers=TUS | {"Upload-Length": "1"})
    assert (full.status, full.headers["Retry-After"]) == (503, "60")
    uploads.spool.free_bytes = lambda: 9
    await uploads.client.delete("/content/uploads/a", headers=TUS)
    full = await uploads.client.post("/content/uploads", headers=TUS | {"Upload-Length": "10"})
    assert full.status == 507


async def test_two_that_create_the_same(uploads):
    made = [uploads.service.create("x", Creation(1, {}, None, has_body=False)) for _ in range(2)]
    first, second = await asyncio.gather(*made, return_exceptions=True)
    assert sorted(type(one).__name__ for one in (first, second)) == ["TusRefusal", "Upload"]


async def test_a_complete_film_does_not_expire_while_the_queue_is_full(uploads, monkeypatch):
    """It was acknowledged: however long it waits, its job is queued in the end."""
    url = await uploads.create(3)

    async def refuse(_):
        pass

    with monkeypatch.context() as full:
        full.setattr(uploads, "hand_over", refuse)
        assert (await uploads.patch(url, 0, b"abc")).status == 204
        uploads.clock.now += 1000
        assert await uploads.service.expire() == 0
        assert await uploads.offset(url) == 3
    await uploads.service.hand_over()
    assert uploads.complete == ["film"]
