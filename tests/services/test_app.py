"""All services in one process, or one alone."""

import pytest

from kernel.errors import BadSettings


async def test_one_part_runs_alone(start):
    place = await start(only="search")
    assert (await place.get("/search?query=x"))[0] == 200
    for path in ("/titles", "/playback/start", "/recommendations", "/", "/t/x"):
        assert (await place.client.get(path)).status == 404
    assert (await place.get("/healthz"))[1] == {"status": "ok"}


async def test_a_second_start_finds_what_was_stored(once, start, fill, title):
    await fill(title("a", "Alien"))
    async with once() as place:
        key = place.key
        assert len((await place.get("/search?query=alien"))[1]) == 1
    place = await start()
    assert place.key == key
    assert len((await place.get("/search?query=alien"))[1]) == 1


async def test_secrets_are_made_once_for_their_owner(start, tmp_path):
    place = await start()
    for name in ("api.key", "guest.key", "signing.pem"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600
    assert len(place.key) >= 40


@pytest.mark.parametrize(
    ("name", "content", "setting"),
    [
        ("api.key", b"short", "api_key_file"),
        ("api.key", b"two words" * 5, "api_key_file"),
        ("signing.pem", b"x", "signing_key"),
    ],
)
async def test_a_secret_that_is_none_stops_the_start(start, tmp_path, name, content, setting):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(content)
    (tmp_path / "data" / name).chmod(0o600)
    with pytest.raises(BadSettings) as caught:
        await start()
    assert caught.value.setting == setting


async def test_a_bad_kid_stops_the_start(start):
    with pytest.raises(BadSettings, match="kid"):
        await start(kid="a" * 500)


async def test_the_library_of_the_origin_shows_and_goes(start, origin, until):
    origin.publish("film")
    place = await start(origin=origin.url, origin_poll="50ms")

    async def playable(expected):
        status, body = await place.get("/titles/film")
        return status == 200 and body["playable"] is expected

    await until(lambda: playable(True))
    origin.titles.clear()
    origin.version += 1
    await until(lambda: playable(False))


async def test_it_is_not_ready_while_a_part_loads_nor_once_it_stops(start):
    place = await start()
    assert await place.get("/readyz") == (200, {"status": "ready"})
    loading = place.services.ready[0]
    loading.clear()
    status, body = await place.get("/readyz")
    assert (status, body["reason"]) == (503, "starting")
    loading.set()
    place.services.stopping.set()
    status, body = await place.get("/readyz")
    assert (status, body["reason"]) == (503, "draining")
