"""Pictures that come with an import: which files are taken, and where they are found again."""

import json

import pytest

from services.catalogue.artwork_files import MAX_BYTES, NoPicture, picture_suffix, store_picture
from services.catalogue.import_command import ImportSettings, run

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)


@pytest.mark.parametrize(
    ("body", "suffix"),
    [
        (JPEG, ".jpg"),
        (b"\x89PNG\r\n\x1a\n....", ".png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        (b"\0\0\0\x1cftypavif....", ".avif"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", None),
        (b"", None),
    ],
)
def test_pictures_are_known_by_their_content(body, suffix):
    assert picture_suffix(body) == suffix


def test_the_same_picture_has_one_address(tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.jpg"
    one.write_bytes(JPEG)
    two.write_bytes(JPEG)
    address = store_picture(one, tmp_path / "data")
    assert store_picture(two, tmp_path / "data") == address
    assert (tmp_path / "data" / address.lstrip("/")).read_bytes() == JPEG


def test_what_is_no_picture_is_refused_with_its_reason(tmp_path):
    large = tmp_path / "large.jpg"
    large.write_bytes(JPEG + bytes(MAX_BYTES))
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    for path, reason in [(large, "larger than 4 MiB"), (text, "not a JPEG"), (tmp_path / "none.jpg", "cannot be read")]:
        with pytest.raises(NoPicture, match=reason):
            store_picture(path, tmp_path / "data")


async def test_an_imported_picture_is_served(tmp_path, start):
    place = await start()
    address = store_picture(_file(tmp_path, JPEG), tmp_path / "data")
    answer = await place.client.get(address)
    assert (answer.status, answer.content_type, await answer.read()) == (200, "image/jpeg", JPEG)
    assert "immutable" in answer.headers["Cache-Control"]
    for name in ("0" * 32 + ".jpg", "..%2Fapi.key", "api.key"):
        assert (await place.client.get(f"/artwork/{name}")).status == 404


def _file(folder, body):
    path = folder / "picture.jpg"
    path.write_bytes(body)
    return path


@pytest.mark.parametrize(("name", "code"), [("picture.jpg", 0), ("absent.jpg", 1)])
def test_an_import_takes_pictures_next_to_its_file(tmp_path, capsys, name, code):
    _file(tmp_path, JPEG)
    films = tmp_path / "films.jsonl"
    films.write_text(json.dumps({"title": "Film", "artwork": [{"kind": "poster", "file": name}]}))
    settings = ImportSettings(tmp_path / "data", None, None, skip_invalid=False)
    assert run(settings, str(films)) == code
    stored = list((tmp_path / "data" / "artwork").glob("*.jpg"))
    assert len(stored) == 1 - code
    assert ("absent.jpg cannot be read" in capsys.readouterr().err) == bool(code)
