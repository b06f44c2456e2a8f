"""A position in a file."""

import pytest

from kernel.errors import StorageFailed
from services.analytics.kafka.cursor_file import CursorFile


def test_a_damaged_cursor_is_said(tmp_path):
    cursor = CursorFile(tmp_path / "x.cursor")
    assert cursor.read() == 0
    cursor.write(77)
    assert cursor.read() == 77
    (tmp_path / "x.cursor").write_text("seventy")
    with pytest.raises(StorageFailed, match=r"x\.cursor"):
        cursor.read()
