"""The sample film: fetched once and checked, or replaced aloud."""

import io
import tarfile

import pytest

from tools.up import sample_film as module
from tools.up.sample_film import FILM_NAME, NotFetched, extract, sample_film


def archive(path, name=f"moviepy-2.2.1/docs/{FILM_NAME}", content=b"not the film"):
    with tarfile.open(path, "w:gz") as package:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        package.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def film_is(monkeypatch):
    """Pin another film's hash."""
    monkeypatch.setattr(module, "FILM_SHA256", module.hashlib.sha256(b"a film").hexdigest())
    return b"a film"


def test_the_film_is_taken_out_of_the_package_once(tmp_path, film_is):
    """The first run fetches, the second finds what is there."""
    said, fetched = [], []

    def fetch(folder):
        fetched.append(folder)
        return archive(folder / "moviepy-2.2.1.tar.gz", content=film_is)

    first = sample_film(tmp_path, said.append, fetch=fetch)
    second = sample_film(tmp_path, said.append, fetch=fetch)
    assert first == second
    assert first.is_real
    assert first.path.read_bytes() == film_is
    assert "Blender Foundation" in str(first.metadata)
    assert len(fetched) == len(said) == 1
    assert [one.name for one in tmp_path.iterdir()] == [FILM_NAME]


def test_without_a_network_a_pattern_takes_its_place_aloud(tmp_path):
    """The synthetic film is made once and the reason is said each time."""
    said = []

    def fetch(folder):
        raise NotFetched("there is no network")

    first = sample_film(tmp_path, said.append, fetch=fetch, seconds=1)
    assert not first.is_real
    assert first.path.stat().st_size > 1000
    assert "No sample film: there is no network" in said[-1]
    made = first.path.stat().st_mtime_ns
    again = sample_film(tmp_path, said.append, fetch=fetch, seconds=1)
    assert again.path.stat().st_mtime_ns == made
    assert "No sample film" in said[-1]


def test_a_damaged_film_is_fetched_again(tmp_path, film_is):
    """What an earlier run left is believed only by its hash."""
    (tmp_path / FILM_NAME).write_bytes(b"half of a fi")
    film = sample_film(tmp_path, lambda _: None, fetch=lambda folder: archive(folder / "x.tar.gz", content=film_is))
    assert film.path.read_bytes() == film_is


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (archive, "unexpected hash"),
        (lambda path: archive(path, name="moviepy-2.2.1/README"), "does not contain"),
        (lambda path: path.write_bytes(b"no archive"), "could not be unpacked"),
    ],
)
def test_a_wrong_package_gives_no_film(tmp_path, write, reason):
    """Nothing but the film that was meant gets its name."""
    package = tmp_path / "package.tar.gz"
    write(package)
    with pytest.raises(NotFetched, match=reason):
        extract(package, tmp_path / FILM_NAME)
    assert [one.name for one in tmp_path.iterdir()] == ["package.tar.gz"]
