"""What an ingest is asked for."""

from pathlib import Path

import pytest

from kernel.errors import BadSettings
from origin.ingest.ingest_request import IngestRequest, apply_metadata, new_record

FILM = Path("my_film.mp4")


@pytest.mark.parametrize("content_id", ["", "-x", "a/b", "..", "x" * 65, "é", "a b"])
def test_impossible_content_ids(content_id):
    """Named before anything is read."""
    with pytest.raises(BadSettings, match="content_id"):
        IngestRequest(FILM, content_id=content_id)


def test_the_id_is_of_title_and_content():
    """Unless one is asked for."""
    assert IngestRequest(FILM).choose_content_id("0123456789") == "my-film-01234567"
    assert IngestRequest(FILM, metadata={"title": "Über"}).choose_content_id("0123456789") == "uber-01234567"
    assert IngestRequest(FILM, content_id="x").choose_content_id("0123456789") == "x"


def test_the_recipe_tells_what_would_come_out_different():
    """Preset and rungs do."""
    recipes = {
        IngestRequest(FILM).recipe,
        IngestRequest(FILM, preset="slow").recipe,
        IngestRequest(FILM, rungs=2).recipe,
    }
    assert len(recipes) == 3
    assert IngestRequest(FILM).recipe == IngestRequest(FILM, title="other").recipe


def test_what_is_not_given_stays():
    """A second publication keeps name and metadata unless told otherwise."""
    metadata = {"title": "T", "year": 1, "countries": ["DE"]}
    first = new_record(IngestRequest(FILM, metadata=metadata), "x", "h", None)
    assert (first.version, first.title, first.metadata, first.countries) == (1, "T", {"year": 1}, ("DE",))
    second = new_record(IngestRequest(FILM), "x", "h2", first)
    assert (second.version, second.title, second.metadata, second.countries) == (2, "T", {"year": 1}, ("DE",))
    third = apply_metadata(second, IngestRequest(FILM, title="U", metadata={"countries": []}), second)
    assert (third.title, third.metadata, third.countries) == ("U", {}, ())
    assert apply_metadata(third, IngestRequest(FILM, metadata={"countries": None}), third).countries is None
