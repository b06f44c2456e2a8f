"""The film that `matinee up` shows."""

import asyncio
import json
from pathlib import Path

import pytest

from kernel.errors import BadSettings
from tools.up.film import IngestFailed, SelectedFilm, content_id_in, ingest, select_film, write_metadata


def test_the_operators_own_film_is_taken_by_its_name(tmp_path):
    film = tmp_path / "My_holidays.mkv"
    film.touch()
    assert select_film(film, tmp_path, print) == SelectedFilm(film, "My holidays")


def test_a_film_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadSettings, match=r"no file .*nothing\.mp4"):
        select_film(tmp_path / "nothing.mp4", tmp_path, print)


def test_metadata_is_written_for_the_ingest(tmp_path):
    path = write_metadata(SelectedFilm(Path("f.mp4"), "F", {"description": "Größe"}), tmp_path / "films")
    assert json.loads(path.read_text(encoding="utf-8")) == {"description": "Größe"}


@pytest.mark.parametrize(
    ("printed", "found"),
    [("bunny\n", "bunny"), ("published\ncontentId: big-buck\n", "big-buck"), ("", None), ("failed: ../x\n", None)],
)
def test_the_content_id_is_the_last_word(printed, found):
    assert content_id_in(printed) == found


async def test_a_good_ingest_gives_the_content_id():
    assert await ingest(["sh", "-c", "echo working; echo bunny"]) == "bunny"


@pytest.mark.parametrize("script", ["echo bunny; exit 1", "true", "kill -9 $$"])
async def test_an_ingest_that_failed_is_an_error(script):
    with pytest.raises(IngestFailed, match="was not ingested"):
        await ingest(["sh", "-c", script])


async def test_a_cancelled_ingest_is_stopped_with_what_it_started(tmp_path, alive):
    started = tmp_path / "started"
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ingest(["sh", "-c", f"sleep 600 & echo $! > {started}; wait"]))
        async with asyncio.timeout(10):
            while not started.exists() or not started.read_text():
                await asyncio.sleep(0.01)
        task.cancel()
    assert task.cancelled()
    async with asyncio.timeout(10):
        while alive(int(started.read_text())):
            await asyncio.sleep(0.01)
