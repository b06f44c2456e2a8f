"""The story of an ingest, with real programs and small films."""

import asyncio
import contextlib
import os

import msgspec
import pytest

from kernel.errors import BadRequest, Bug, StorageFailed
from kernel.media.playlist import parse_media, parse_multivariant
from origin.encode import video
from origin.ingest.ingest_request import IngestRequest
from origin.ingest.pipeline import ingest
from origin.jobs.work import film_steps
from origin.storage.blocking_library import BlockingLibrary
from origin.storage.records import manifest_key, object_key
from origin.stores.folder import open_folder
from tests.doubles.object_store import FaultyStore, FullStore, files_of, stored_file


def order(film, **more):
    return IngestRequest(film, **({"preset": "ultrafast", "rungs": 1} | more))


def test_a_film_is_published_whole(published):
    """HLS and DASH from one set, a list a tier, thumbnails, and a record that names them."""
    store, title = published
    media = stored_file(store, "film1", title.streams["hls"]).parent
    assert (title.version, title.duration, title.title) == (1, 6.0, "A Film")
    assert [(one.name, one.height) for one in title.renditions] == [("v360", 360), ("v240", 240)]
    assert [one.name for one in title.sound] == ["a_und"]
    assert set(title.tiers) == {"sd", "hd", "uhd"}
    master = parse_multivariant((media / title.streams["hls"]).read_text())
    assert {one.partition("/")[0] for one in master.uris()} == {"v240", "v360", "a_und"}
    for name in ("v240", "v360", "a_und"):
        playlist = parse_media((media / name / "main.m3u8").read_text())
        assert len(playlist.segments) == 2
        assert playlist.duration == pytest.approx(6.0, abs=0.1)
        assert {one.uri for one in playlist.segments} | {"init.mp4", "main.m3u8"} <= files_of(media / name)
    assert (media / title.thumbnail).stat().st_size > 500
    assert "#xywh=" in (media / title.thumbnails).read_text()


def test_the_same_film_again_is_recognised(tmp_path, films, kitchen_in, monkeypatch):
    """Nothing is encoded twice; a new name is taken over; the store stays as it was."""
    film = films()
    first = ingest(order(film, title="One"), kitchen_in(tmp_path))
    before = files_of(tmp_path / "store")
    monkeypatch.setattr(video, "encode_chunk", lambda *_: pytest.fail("encoded again"))
    again = ingest(order(film, title="One"), kitchen_in(tmp_path))
    assert (again.new, again.title) == (False, first.title)
    metadata = {"title": "Two", "year": 1999, "countries": ["DE"], "mood": "calm"}
    renamed = ingest(order(film, metadata=metadata, content_id=first.title.content_id), kitchen_in(tmp_path)).title
    assert (renamed.title, renamed.countries, renamed.version) == ("Two", ("DE",), 1)
    assert renamed.metadata == {"year": 1999, "mood": "calm"}
    assert files_of(tmp_path / "store") == before
    assert not [one for one in files_of(tmp_path / "work") if not one.endswith(".lock")]


def test_another_gateway_for_steering_is_a_publication_of_top_files_alone(tmp_path, films, kitchen_in, monkeypatch):
    """Nothing is encoded, and nothing that plays now is touched."""
    film = films()
    ingest(order(film, content_id="x", steering="http://one"), kitchen_in(tmp_path))
    store = tmp_path / "store"
    before = stored_file(store, "x", "v240/main.m3u8").read_bytes()
    assert 'SERVER-URI="http://one/steering/x"' in stored_file(store, "x", "master.m3u8").read_text()
    monkeypatch.setattr(video, "encode_chunk", lambda *_: pytest.fail("encoded again"))
    again = ingest(order(film, content_id="x", steering="http://two"), kitchen_in(tmp_path))
    assert (again.new, again.title.version, again.title.steering) == (False, 2, "http://two")
    for name in ("master.m3u8", "master-sd.m3u8", "manifest.mpd", "manifest-uhd.mpd"):
        text = stored_file(store, "x", name, publication=2).read_text()
        assert "http://two/steering/x" in text
        assert "http://one" not in text
    assert stored_file(store, "x", "v240/main.m3u8").read_bytes() == before
    unsaid = ingest(order(film, content_id="x"), kitchen_in(tmp_path)).title
    assert (unsaid.version, unsaid.steering) == (2, "http://two")
    assert kitchen_in(tmp_path).library.is_whole(unsaid)


def test_another_film_for_a_title_is_its_next_publication(tmp_path, films, kitchen_in):
    """Folders get the publication's number; the first's files stay for those who still play them."""
    ingest(order(films(), content_id="x", metadata={"year": 2001}), kitchen_in(tmp_path))
    before = {one: (tmp_path / "store" / one).read_bytes() for one in files_of(tmp_path / "store") if "/v240" in one}
    second = ingest(order(films("silent.mp4", sound=0), content_id="x"), kitchen_in(tmp_path)).title
    assert (second.version, second.renditions[0].name, second.sound) == (2, "v240-2", ())
    assert second.metadata == {"year": 2001}
    master = stored_file(tmp_path / "store", "x", "master.m3u8", publication=2).read_text()
    assert "v240-2/main.m3u8" in master
    assert all((tmp_path / "store" / one).read_bytes() == content for one, content in before.items())


def test_a_lost_file_is_noticed(tmp_path, films, kitchen_in):
    """A store that lost a file gets the film anew under new names."""
    ingest(order(films(), content_id="x"), kitchen_in(tmp_path))
    stored_file(tmp_path / "store", "x", "v240/00001.m4s").unlink()
    again = ingest(order(films(), content_id="x"), kitchen_in(tmp_path))
    assert again.new
    assert again.title.version == 2


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("one.mp4", {"seconds": 1}),
        ("silent.mp4", {"sound": 0}),
        ("-dash : %d ' \"\n[ü],x.mp4", {"seconds": 1}),
        ("odd.mkv", {"size": "318x178", "rate": "24000/1001", "more": ["-vf", "crop=317:177", "-pix_fmt", "yuv444p"]}),
        ("two.mkv", {"sound": 2, "more": ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=eng"]}),
        (
            "vfr.mp4",
            {"seconds": 5, "rate": "24", "more": ["-vf", "select=not(mod(n\\,3))+lt(n\\,30)", "-fps_mode", "vfr"]},
        ),
        ("tiny.mp4", {"size": "64x48", "sound": 0}),
    ],
)
def test_unusual_films(tmp_path, films, kitchen_in, name, more):
    """Each gives a whole title of its length; `ingest` has verified what it made."""
    made = ingest(order(films(name, **more)), kitchen_in(tmp_path)).title
    assert made.duration == pytest.approx(more.get("seconds", 2), abs=0.2)
    assert len(made.sound) == more.get("sound", 1)


def cut_in_half(path, target):
    target.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return target


@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        (lambda films, to: to / "missing.mp4", "no-such-file", "No such file"),
        (lambda films, to: to, "not-a-file", "not a regular file"),
        (lambda films, to: write(to / "empty.mp4", b""), "not-a-film", "empty"),
        (lambda films, to: write(to / "text.mp4", b"no film\n" * 99), "not-a-film", "not a film"),
        (lambda films, to: write(to / "list.mp4", b"#EXTM3U\n#EXTINF:2,\nfilm.mp4\n"), "not-a-film", "not a film"),
        (lambda films, to: films("audio.mp4", more=["-map", "-0:v"]), "no-video", "sound but no picture"),
        (lambda films, to: cut_in_half(films(), to / "end.mp4"), "not-a-film", "truncated"),
        (
            lambda films, to: cut_in_half(films("fs.mp4", seconds=6, more=["-movflags", "+faststart"]), to / "t.mp4"),
            "truncated",
            "header says 6.00 s",
        ),
        (lambda films, to: cut_in_half(films("long.mkv", seconds=6), to / "t.mkv"), "truncated", "truncated"),
        (lambda films, to: films("small.mkv", size="64x8", sound=0), "too-small", "too small"),
    ],
)
def test_what_is_no_film(tmp_path, films, kitchen_in, make, reason, says):
    """One clear sentence, nothing published, nothing left over."""
    film = make(films, tmp_path)
    with pytest.raises(BadRequest, match=says) as caught:
        ingest(order(film, content_id="x"), kitchen_in(tmp_path))
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)
    assert files_of(tmp_path / "store") == set()
    assert not (tmp_path / "work/x").exists()


def write(path, data):
    path.write_bytes(data)
    return path


def test_a_film_that_changes_while_it_is_read(tmp_path, films, kitchen_in, monkeypatch):
    """It is refused: nobody knows what was encoded."""
    film = write(tmp_path / "film.mp4", films().read_bytes())
    check = film_steps.check_encoded

    def touched(*arguments):
        os.utime(film, (1, 1))
        return check(*arguments)

    monkeypatch.setattr(film_steps, "check_encoded", touched)
    with pytest.raises(BadRequest, match="was changed"):
        ingest(order(film), kitchen_in(tmp_path))
    assert files_of(tmp_path / "store") == set()


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


def seen(store):
    """What a viewer can see: version and the files of the title, all readable."""
    library = BlockingLibrary(open_folder(store))
    title = library.title("x")
    if title is None:
        return 0
    assert library.is_whole(title)
    return title.version


def test_killed_at_any_write(tmp_path, films, kitchen_in, monkeypatch):
    """The old publication or the new one is seen whole; the next ingest takes up what was encoded and stored."""
    old, new = films(), films("silent.mp4", sound=0)
    ingest(order(old, content_id="x"), kitchen_in(tmp_path))
    at, made = 0, None
    while made is None:
        with contextlib.suppress(Killed):
            made = ingest(
                order(new, content_id="x"),
                kitchen_in(tmp_path, FaultyStore(open_folder(tmp_path / "store"), at, Killed())),
            )
        assert seen(tmp_path / "store") in (1, 2)
        if at == 1:
            monkeypatch.setattr(video, "encode_chunk", lambda *_: pytest.fail("encoded again after the kill"))
        at += 3 if 2 < at < 14 else 1  # all writes round the pointer, some of those before
    assert made.title.version == 2
    assert at > 10
    library = kitchen_in(tmp_path).library
    both = asyncio.run(library.library.publications(made.title))
    wanted = {object_key("x", one.number, record) for one in both for record in one.objects()}
    manifests = {manifest_key("x", ref) for ref in made.title.kept()}
    assert files_of(tmp_path / "store") == wanted | manifests | {"titles/x/title.json", "mark.json"}


@pytest.mark.parametrize("at", [0, 5, 12])
def test_a_full_disk(tmp_path, films, kitchen_in, at):
    """The message says so, the old publication stays, and the failed one's files are gone."""
    ingest(order(films(), content_id="x"), kitchen_in(tmp_path))
    before = files_of(tmp_path / "store")
    full = FullStore(open_folder(tmp_path / "store"), at)
    with pytest.raises(StorageFailed, match="full"):
        ingest(order(films("silent.mp4", sound=0), content_id="x"), kitchen_in(tmp_path, full))
    assert files_of(tmp_path / "store") == before
    assert seen(tmp_path / "store") == 1


def test_a_packager_that_lies_publishes_nothing(tmp_path, films, kitchen_in, monkeypatch):
    """Its status is 0, a segment is missing: found out before anything is stored."""
    real = film_steps.package_title

    def lying(programs, wanted, folder):
        packaged = real(programs, wanted, folder)
        (folder / "packaged/tree/v240/00001.m4s").unlink()
        return packaged

    monkeypatch.setattr(film_steps, "package_title", lying)
    with pytest.raises(Bug, match=r"names '00001\.m4s', which is not there"):
        ingest(order(films()), kitchen_in(tmp_path))
    assert files_of(tmp_path / "store") == set()


def test_what_it_cost_is_reported(tmp_path, films, kitchen_in):
    """Steps, the ffmpeg call and what came on top of it."""
    kitchen = kitchen_in(tmp_path)
    ingest(order(films()), kitchen)
    report = msgspec.json.decode(msgspec.json.encode(kitchen.timings.report()))
    assert set(report["steps"]) == {"probe", "encode", "verify", "package", "publish"}
    assert report["overhead"]["wall"] == pytest.approx(report["total"]["wall"] - report["ffmpeg"]["wall"], abs=0.01)
