"""The index beside the files: its last word counts, and anything in doubt is no word at all."""

import os

import pytest

from cache import journal as module
from cache.journal import Journal
from tests.cache.workbench import now_of, response
from tests.scenario.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "index")
    made.start(())
    yield made
    made.close()


def line(clock, key=b"/k", **more):
    return response(clock, key, length=1, **more).to_disk(now_of(clock))


def test_the_last_line_of_a_name_counts(journal, clock):
    journal.add("a", line(clock, status=200))
    journal.add("b", line(clock))
    journal.add("a", line(clock, status=404))
    assert journal.gone("b")
    read = journal.read()
    assert (read["a"]["status"], read["a"]["key"], read["b"]) == (404, b"/k", None)
    assert "fields" not in read["a"], "what a response told lies in its file"


def test_without_a_file_there_is_nothing(tmp_path):
    assert Journal(tmp_path / "nowhere").read() == {}


@pytest.mark.parametrize(
    "spoil",
    [lambda raw: raw[:-1], lambda raw: raw[:10], lambda raw: b"junk", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])],
)
def test_anything_torn_and_nothing_of_it_counts(journal, clock, tmp_path, spoil):
    """A mark of a purge may have been in what is lost: every file has to be asked."""
    journal.add("a", line(clock))
    journal.add("b", line(clock))
    path = tmp_path / "index"
    path.write_bytes(spoil(path.read_bytes()))
    assert journal.read() == {}


def test_a_start_keeps_what_has_a_file(journal, clock, tmp_path):
    for name in "abc":
        journal.add(name, line(clock))
    size = (tmp_path / "index").stat().st_size
    journal.start({"b"})
    assert list(journal.read()) == ["b"]
    journal.add("d", line(clock))
    assert list(journal.read()) == ["b", "d"]
    assert (tmp_path / "index").stat().st_size < size


def test_it_is_written_anew_when_most_of_it_is_old(journal, clock, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SPARE_LINES", 50)
    journal.start(())
    (tmp_path / "objects" / "ab").mkdir(parents=True)
    (tmp_path / "objects" / "ab" / "abc").write_bytes(b"x")
    for number in range(200):
        journal.add("abc" if number % 2 else f"ab{number}", line(clock))
    assert "abc" in journal.read()
    assert len(journal.read()) < 60


@pytest.mark.parametrize("fails", [False, True])
def test_while_it_is_written_anew_others_append(journal, clock, monkeypatch, fails):
    """They do not wait for it, and what they told counts; given up meanwhile it stays so."""
    monkeypatch.setattr(module, "SPARE_LINES", 50)
    journal.start(())
    looked = []

    def there(self, name):
        if not looked:
            looked.append(name)
            if fails:
                with journal._guard:
                    journal._give_up()
            assert journal.gone("gone") is not fails
            journal.add("later", line(clock))
        return name in ("kept", "gone")

    monkeypatch.setattr(module._Files, "__contains__", there)
    for name in ("kept", "gone", *(f"old{number}" for number in range(49))):
        journal.add(name, line(clock))
    found = journal.read()
    assert looked
    if fails:
        assert found == {}
        return
    assert list(found) == ["kept", "gone", "later"]
    assert (found["gone"], journal._lines) == (None, 4)
    journal.add("next", line(clock))
    assert "next" in journal.read()


@pytest.mark.parametrize("written", [0, 5, None])
def test_what_cannot_be_written_ends_it(journal, clock, tmp_path, monkeypatch, written):
    """Half of the truth would be a lie: the next start reads the files."""
    journal.add("a", line(clock))
    write = os.write

    def cut(fd, data):
        if written is None:
            raise OSError(28, "No space left on device")
        return write(fd, data[:written])

    monkeypatch.setattr(os, "write", cut)
    assert not journal.gone("a")
    assert not (tmp_path / "index").exists()
    monkeypatch.setattr(os, "write", write)
    assert not journal.gone("a"), "until the next start"
    assert journal.read() == {}


def test_a_folder_that_takes_no_file(tmp_path, clock):
    journal = Journal(tmp_path / "nowhere" / "index")
    journal.start({"a"})
    journal.add("a", line(clock))
    assert journal.read() == {}
