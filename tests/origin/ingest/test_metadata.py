"""Names, metadata files, contentIds."""

from pathlib import Path

import pytest

from kernel.errors import BadRequest
from kernel.vocabulary import is_content_id
from origin.ingest import metadata


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "metadata"),
        (b"\xff", "metadata"),
        (b'{"year": "1999"}', "year"),
        (b'{"genres": "Drama"}', "genres"),
        (b'{"countries": ["Germany"]}', "'Germany' is not a two-letter"),
        (b'{"title": 5}', "title"),
    ],
)
def test_bad_metadata(data, says, tmp_path):
    """File and field are named."""
    path = tmp_path / "m.json"
    path.write_bytes(data)
    with pytest.raises(BadRequest, match=says) as caught:
        metadata.read_metadata(path)
    assert "m.json" in str(caught.value)


def test_metadata_files_that_cannot_be_read(tmp_path):
    """Missing, or far too large."""
    with pytest.raises(BadRequest, match="No such file"):
        metadata.read_metadata(tmp_path / "missing.json")
    (tmp_path / "big.json").write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(BadRequest, match="larger than 1 MiB"):
        metadata.read_metadata(tmp_path / "big.json")


def test_fields_without_meaning_are_kept():
    """What the catalogue may know is not thrown away."""
    assert metadata.parse_metadata(b'{"title": "T", "countries": null, "mood": {"x": 1}}', "m")["mood"] == {"x": 1}


@pytest.mark.parametrize(
    ("title", "content_id"),
    [
        ("Big Buck Bunny", "big-buck-bunny-0123abcd"),
        ("Amélie & Co.", "amelie-co-0123abcd"),
        ("映画", "film-0123abcd"),
        ("---", "film-0123abcd"),
        ("x" * 300, "x" * 40 + "-0123abcd"),
    ],
)
def test_content_id(title, content_id):
    """Stable, readable, always valid."""
    assert metadata.make_content_id(title, "0123abcd" * 4) == content_id
    assert is_content_id(content_id)


@pytest.mark.parametrize(
    ("given", "found", "film", "title"),
    [
        ("A", {"title": "B"}, "c.mp4", "A"),
        (None, {"title": "B"}, "c.mp4", "B"),
        (None, {}, "my_film.2020.mp4", "my film 2020"),
        (None, {}, "a\nb\udcff.mp4", "a b?"),
        ("\n", {}, "c.mp4", "Untitled"),
    ],
)
def test_title(given, found, film, title):
    """As given, else the metadata's, else the file's name, printable."""
    assert metadata.choose_title(given, found, Path(film)) == title


def test_a_byte_order_mark_is_no_fault():
    """Editors write it before the JSON."""
    assert metadata.parse_metadata(b'\xef\xbb\xbf{"title": "One"}', "x") == {"title": "One"}
