"""Subtitle files that come with a film."""

import os

import pytest

from kernel.errors import BadRequest
from origin.encode.source import Disposition
from origin.ingest.ingest_request import IngestRequest, with_sidecars
from origin.ingest.sidecars import (
    MAX_BYTES,
    Sidecar,
    copy_sidecar,
    decode_text,
    describe_name,
    digest_of,
    named_sidecars,
    sidecars_beside,
)

CUE = "1\n00:00:00,500 --> 00:00:01,500\nGrüße\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("film.srt", {}),
        ("film.en.srt", {"language": "en"}),
        ("film.deu.forced.vtt", {"language": "deu", "forced": True}),
        ("film.pt-BR.sdh.ass", {"language": "pt-br", "hearing_impaired": True}),
        ("film.default.fr.srt", {"language": "fr", "default": True}),
        ("film.part.two.srt", None),
        ("film.1080p.srt", None),
    ],
)
def test_what_a_name_says(tmp_path, name, said):
    path = tmp_path / name
    assert describe_name("film", path) == (None if said is None else Sidecar(str(path), **said))


def test_those_beside_a_film_bear_its_name(tmp_path):
    """Links that lead out of the folder are none; a film's name may look like a pattern."""
    (tmp_path / "out").mkdir()
    (tmp_path / "secret.srt").write_text(CUE)
    folder = tmp_path / "out"
    for name in ("a[1].en.srt", "a[1].vtt", "other.srt", "a1.srt", "a[1].txt"):
        (folder / name).write_text(CUE)
    (folder / "a[1].de.srt").symlink_to(tmp_path / "secret.srt")
    names = [one.location.rpartition("/")[2] for one in sidecars_beside(folder / "a[1].mkv")]
    assert names == ["a[1].en.srt", "a[1].vtt"]


@pytest.mark.parametrize("data", [CUE.encode(), CUE.encode("utf-8-sig"), CUE.encode("utf-16"), CUE.encode("cp1252")])
def test_any_encoding_becomes_text(data):
    assert decode_text(data) == CUE


def test_a_copy_is_a_stream_of_the_film(tmp_path):
    (tmp_path / "x.srt").write_bytes(CUE.encode("cp1252"))
    about = Sidecar(str(tmp_path / "x.srt"), language="de", title='A "title"', forced=True)
    copied = copy_sidecar(about, tmp_path / "x.srt", tmp_path / "copies", 3)
    assert (tmp_path / "copies" / "03.srt").read_text("utf-8") == CUE
    stream = copied.stream(0)
    assert (stream.index, stream.language, stream.title, stream.sidecar) == (-1, "de", "A title", "03.srt")
    assert stream.disposition == Disposition(forced=True)


def test_other_subtitles_are_another_publication(tmp_path):
    (tmp_path / "x.srt").write_text(CUE)
    one, other = (
        copy_sidecar(Sidecar("x.srt", language=name), tmp_path / "x.srt", tmp_path, 0) for name in ("en", "de")
    )
    request = IngestRequest(tmp_path / "film.mp4")
    recipes = {with_sidecars(request, digest_of(given)).recipe for given in ((), (one,), (other,), (one, other))}
    assert len(recipes) == 4
    assert with_sidecars(request, "").recipe == request.recipe


@pytest.mark.parametrize(
    ("data", "status"), [(b"", 422), (b"\0\1\2\3", 422), (b" " * (MAX_BYTES + 1), 413), (None, 404)]
)
def test_files_that_are_none(tmp_path, data, status):
    if data is not None:
        (tmp_path / "x.srt").write_bytes(data)
    with pytest.raises(BadRequest) as caught:
        copy_sidecar(Sidecar("x.srt"), tmp_path / "x.srt", tmp_path, 0)
    assert caught.value.status == status


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path):
    """A worker would have waited for its writer for ever."""
    os.mkfifo(tmp_path / "x.srt")
    with pytest.raises(BadRequest) as caught:
        copy_sidecar(Sidecar("x.srt"), tmp_path / "x.srt", tmp_path, 0)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "given", ["x", [{}], [{"fileLocation": "/a.exe"}], [{"fileLocation": "/a.srt"}] * 65, [{"fileLocation": 1}]]
)
def test_metadata_that_cannot_be(given):
    with pytest.raises(BadRequest, match=r"subtitles|none of"):
        named_sidecars({"subtitles": given})


def test_metadata_names_them():
    given = [{"fileLocation": "https://x.example/a.vtt?v=1", "language": "en", "hearingImpaired": True}]
    assert named_sidecars({"subtitles": given}) == (
        Sidecar("https://x.example/a.vtt?v=1", language="en", hearing_impaired=True),
    )
    assert named_sidecars(None) == named_sidecars({}) == ()
