"""The step `receive`, from every place a film can be."""

import asyncio
import hashlib

import msgspec
import pytest

from kernel.errors import BadRequest
from origin.jobs.queue_rows import ReceivedFilm
from origin.jobs.records import JobRequest
from origin.jobs.work.job_folder import JobFolders
from origin.jobs.work.receive import HASH_BYTES, Reception, hash_film
from origin.stores.folder import open_folder
from origin.uploads.fetch import FetchLimits
from origin.uploads.locations import LocationRules
from origin.uploads.spool import Spool

FILM = b"a film" * 1000
SHA256 = hashlib.sha256(FILM).hexdigest()


@pytest.fixture
def place(tmp_path):
    """A reception, and folders of jobs."""

    class Place:
        spool, store = Spool(tmp_path / "uploads"), open_folder(tmp_path / "store")
        films, folders = tmp_path / "films", JobFolders(tmp_path / "work")

        def receive(self, most=1 << 20, number=0, *, keep=True, **request):
            rules = LocationRules(folders=(self.films,))
            reception = Reception(self.spool, self.store, rules, FetchLimits(most), keep)
            folder = self.folders.of(f"job-{number:016x}")
            result = reception.receive(JobRequest("film", **request), folder, lambda _: None)
            return msgspec.json.decode(result, type=ReceivedFilm), folder

        def masters(self):
            return [file.name for file in (tmp_path / "store").glob("masters/*")]

    made = Place()
    made.films.mkdir()
    (made.films / "a.mp4").write_bytes(FILM)
    return made


def test_a_file_is_read_in_place_and_kept_as_the_master(place):
    found, folder = place.receive(location=str(place.films / "a.mp4"))
    assert found == ReceivedFilm(SHA256, len(FILM), kept=True)
    assert folder.film().path == str(place.films / "a.mp4")
    assert place.masters() == [SHA256]


def test_the_same_film_twice_is_one_master(place):
    asyncio.run(place.spool.create("up"))
    place.spool.path("up").write_bytes(FILM)
    for number, request in enumerate(({"location": str(place.films / "a.mp4")}, {"upload_id": "up"})):
        assert place.receive(number=number, **request)[0].sha256 == SHA256
    assert place.masters() == [SHA256]


def test_a_film_comes_back_from_its_master(place):
    place.receive(location=str(place.films / "a.mp4"))
    (place.films / "a.mp4").unlink()
    found, folder = place.receive(number=1, source=SHA256)
    assert found.sha256 == SHA256
    assert (folder.path / "film").read_bytes() == FILM
    assert place.receive(number=1, source=SHA256)[0].sha256 == SHA256, "a second attempt finds it there"


def test_without_masters_nothing_is_kept(place):
    found, _ = place.receive(keep=False, location=str(place.films / "a.mp4"))
    assert (found.kept, place.masters()) == (False, [])


@pytest.mark.parametrize(
    ("request_fields", "status"),
    [
        ({"location": "/etc/passwd"}, 403),
        ({"source": "0" * 64}, 410),
        ({"upload_id": "none"}, 404),
        ({"location": "{films}/none.mp4"}, 404),
        ({"location": "{films}/empty.mp4"}, 422),
        ({"location": "{films}"}, 400),
    ],
)
def test_films_that_cannot_be_received(place, request_fields, status):
    (place.films / "empty.mp4").touch()
    fields = {name: value.format(films=place.films) for name, value in request_fields.items()}
    with pytest.raises(BadRequest) as refused:
        place.receive(**fields)
    assert refused.value.status == status


def test_a_film_that_is_too_large(place):
    with pytest.raises(BadRequest, match="are allowed") as refused:
        place.receive(most=100, location=str(place.films / "a.mp4"))
    assert refused.value.status == 413
    assert place.masters() == []
    place.receive(location=str(place.films / "a.mp4"))
    with pytest.raises(BadRequest, match="are allowed"):
        place.receive(number=1, most=100, source=SHA256)


def test_the_hash_is_of_the_whole_film(tmp_path):
    """Progress is reported as it is read; a film that cannot be read is named."""
    film = tmp_path / "film"
    film.write_bytes(b"x" * HASH_BYTES + b"y")
    reported = []
    assert hash_film(film, reported.append) == hashlib.sha256(film.read_bytes()).hexdigest()
    assert reported == [HASH_BYTES, HASH_BYTES + 1]
    with pytest.raises(BadRequest, match="none' cannot be read"):
        hash_film(tmp_path / "none", reported.append)
