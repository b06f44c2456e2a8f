"""`matinee catalogue import`: every form of file; all of it or, with a bad line, none."""

import asyncio
import gzip
import json

import pytest

from kernel.errors import MatineeError
from services.catalogue.import_command import ImportSettings, run
from services.catalogue.store import CatalogueStore
from system.database.engine import DatabaseAddress

GOOD = [{"title": f"Film {n}", "year": 1990 + n} for n in range(5)]


def names(folder):
    async def read():
        store = CatalogueStore(DatabaseAddress(folder / "catalogue.sqlite3"))
        await store.open()
        found = [change.title.title for change in await store.changes(0)]
        await store.close()
        return sorted(found)

    return asyncio.run(read())


@pytest.mark.parametrize("form", ["lines", "list", "packed", "bom", "windows", "blank-lines-list"])
def test_each_form_of_file_is_read(tmp_path, form):
    lines = "\n".join(json.dumps(title) for title in GOOD).encode()
    body = {
        "lines": lines, "list": json.dumps(GOOD, indent=1).encode(), "packed": gzip.compress(lines),
        "blank-lines-list": b"\n \n" + json.dumps(GOOD, indent=1).encode(),
        "bom": b"\xef\xbb\xbf" + lines, "windows": lines.replace(b"\n", b"\r\n") + b"\r\n\r\n",
    }[form]  # fmt: skip
    file = tmp_path / "films"
    file.write_bytes(body)
    assert run(ImportSettings(tmp_path / "data", None, None, skip_invalid=False), str(file)) == 0
    assert names(tmp_path / "data") == [title["title"] for title in GOOD]


MIXED = b'{"title": "A"}\n{"title": "B", "year": "x"}\n' + b"y" * 2_000_000 + b'\n{"title": "C"}\n'


def test_a_file_with_bad_lines_names_them_and_imports_nothing(tmp_path, capfd):
    file = tmp_path / "films.jsonl"
    file.write_bytes(MIXED)
    assert run(ImportSettings(tmp_path / "data", None, None, skip_invalid=False), str(file)) == 1
    err = capfd.readouterr().err
    assert "line 2: field `year`" in err
    assert "line 3: is longer" in err
    assert "2 invalid lines, so nothing was imported" in err
    assert names(tmp_path / "data") == []


def test_the_good_lines_are_imported_on_request(tmp_path, capfd):
    file = tmp_path / "films.jsonl"
    file.write_bytes(MIXED)
    assert run(ImportSettings(tmp_path / "data", None, None, skip_invalid=True), str(file)) == 1
    out, err = capfd.readouterr()
    assert "2 titles read" in out
    assert "skipped 2 invalid lines" in err
    assert names(tmp_path / "data") == ["A", "C"]


def test_a_packed_file_that_ends_early_imports_nothing(tmp_path):
    file = tmp_path / "films.jsonl.gz"
    lines = b"".join(json.dumps({"title": f"Film {n}"}).encode() + b"\n" for n in range(20_000))
    file.write_bytes(gzip.compress(lines)[:-2000])
    with pytest.raises(MatineeError, match="truncated"):
        run(ImportSettings(tmp_path / "data", None, None, skip_invalid=False), str(file))
    assert names(tmp_path / "data") == []


def test_a_missing_file_and_a_broken_list_are_told(tmp_path):
    with pytest.raises(MatineeError, match="cannot be read"):
        run(ImportSettings(tmp_path / "data", None, None, skip_invalid=False), str(tmp_path / "none"))
    (tmp_path / "list").write_bytes(b'[{"title": "A"}, ')
    with pytest.raises(MatineeError, match="JSON list"):
        run(ImportSettings(tmp_path / "data", None, None, skip_invalid=False), str(tmp_path / "list"))
