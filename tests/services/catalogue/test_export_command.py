"""`matinee catalogue export`: what is written is imported again as the same titles."""

import asyncio
import gzip
import json

import pytest

from kernel.errors import MatineeError
from services.catalogue import export_command, import_command
from services.catalogue.store import CatalogueStore
from system.database.engine import DatabaseAddress

LINES = [
    {"title": "Plain"},
    {"title": "Here", "countries": ["de", "FR"], "year": 1999, "genres": ["Drama"], "popularity": 3.5},
    {"title": "Nowhere", "countries": []},
    {"title": "Soon", "windows": [{"countries": ["DE"], "starts": "2030-01-01T00:00:00Z", "ends": 1956528000}]},
    {"title": "Pilot", "kind": "episode", "parent": "show", "number": 1, "maturity": 16, "tier": "hd",
     "people": [{"name": "X", "role": "director"}], "languages": ["de"],
     "artwork": [{"kind": "poster", "url": "https://example.org/p.jpg"}]},
]  # fmt: skip


def read_all(folder):
    async def read():
        store = CatalogueStore(DatabaseAddress(folder / "catalogue.sqlite3"))
        await store.open()
        found = [title async for title in store.export_titles()]
        await store.close()
        return found

    return asyncio.run(read())


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_an_export_is_imported_as_the_same_titles(tmp_path, name):
    source, out = tmp_path / "in.jsonl", tmp_path / name
    source.write_text("\n".join(json.dumps(line) for line in LINES))
    import_command.run(import_command.ImportSettings(tmp_path / "a", None, None, skip_invalid=False), str(source))
    assert export_command.run(export_command.ExportSettings(tmp_path / "a", None, None), str(out)) == 0
    import_command.run(import_command.ImportSettings(tmp_path / "b", None, None, skip_invalid=False), str(out))
    assert read_all(tmp_path / "a") == read_all(tmp_path / "b")
    assert len(read_all(tmp_path / "b")) == len(LINES)
    packed = out.read_bytes()
    text = gzip.decompress(packed) if name.endswith(".gz") else packed
    assert b"2030-01-01T00:00:00Z" in text


def test_a_missing_catalogue_and_a_folder_that_is_not_there_are_told(tmp_path):
    with pytest.raises(MatineeError, match="no catalogue"):
        export_command.run(export_command.ExportSettings(tmp_path / "none", None, None), str(tmp_path / "x"))
    (tmp_path / "in.jsonl").write_text(json.dumps({"title": "A"}))
    import_command.run(
        import_command.ImportSettings(tmp_path / "a", None, None, skip_invalid=False), str(tmp_path / "in.jsonl")
    )
    with pytest.raises(MatineeError, match="cannot be written"):
        export_command.run(export_command.ExportSettings(tmp_path / "a", None, None), str(tmp_path / "no" / "x"))
