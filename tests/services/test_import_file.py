"""Import files and their bad lines."""

import gzip

import pytest

from kernel.errors import MatineeError
from services import import_file
from services.import_file import BadLines, open_import_file


def test_a_file_is_unpacked_by_its_content_not_its_name(tmp_path):
    (tmp_path / "x.txt").write_bytes(gzip.compress(b"a\nb\n"))
    with open_import_file(str(tmp_path / "x.txt")) as source:
        assert source.stream.readlines() == [b"a\n", b"b\n"]
        source.show_progress("2 lines")


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    for name in (tmp_path, tmp_path / "none"):
        with pytest.raises(MatineeError, match="cannot be read"):
            with open_import_file(str(name)):
                raise AssertionError("opened")


def test_only_the_first_bad_lines_are_shown(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(import_file, "MAX_REPORTED", 2)
    (tmp_path / "x").write_bytes(b"a")
    with open_import_file(str(tmp_path / "x")) as source:
        faults = BadLines(source)
        for number in range(5):
            faults.report(number, "[bad]")
    err = capfd.readouterr().err
    assert err.count("[bad]") == 2
    assert faults.count == 5
