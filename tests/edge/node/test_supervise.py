"""The folder of a node."""

import pytest

from edge.node import supervise
from edge.node.supervise import node_folder
from edge.settings import EdgeSettings
from kernel.errors import BadSettings
from kernel.settings.table import resolve


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(supervise, "SHARED_MEMORY", tmp_path)
    return resolve(EdgeSettings, flags={"upstream": ["http://127.0.0.1:1"], "tokens": ["off"]}, env={})


def test_a_successor_has_a_folder_of_its_own_while_its_predecessor_runs(settings, tmp_path):
    with node_folder(settings) as first, node_folder(settings) as second:
        assert first != second
        assert (first / "touches").stat().st_size > 0
        assert first.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_node_left_is_used_again(settings, tmp_path):
    left = node_folder(settings)
    folder = left.__enter__()
    (folder / "lock").unlink()  # nobody holds the new one
    with node_folder(settings) as again:
        assert again == folder


def test_a_folder_of_somebody_else_is_refused(settings, tmp_path, monkeypatch):
    with node_folder(settings):
        pass
    monkeypatch.setattr(supervise.os, "geteuid", lambda: 12345)
    with pytest.raises(BadSettings, match="another user"), node_folder(settings):
        pass
