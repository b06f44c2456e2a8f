"""`matinee origin scrub|gc|rewrap`, as an operator runs them."""

import asyncio
import json

import pytest
import structlog

from origin.storage.library import Library
from origin.stores.folder import open_folder
from origin.stores.open_store import open_store
from system.sealing import make_key_line
from tests.doubles.object_store import files_of, stored_file
from tools.cli import main


@pytest.fixture(autouse=True)
def log(monkeypatch):
    """A command configures the log of its process, which here is that of all tests."""
    monkeypatch.setattr("origin.upkeep.commands.log_json_lines", lambda: None)
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def title(tmp_path, publish):
    """A title in a store with a replica."""
    store = open_folder(tmp_path / "store")
    return asyncio.run(publish(Library(store), "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"top"}))


def stores_of(tmp_path):
    return ["--store", str(tmp_path / "store"), "--replica-store", str(tmp_path / "replica")]


def test_scrub_fills_a_new_replica_and_says_what_is_lost(title, tmp_path, capsys):
    """Exit code 0 when every copy is good afterwards."""
    assert main(["origin", "scrub", *stores_of(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "missing in the replica and is repaired from the store" in out
    assert "1 titles, 2 objects" in out
    assert files_of(tmp_path / "replica") >= {key for key in files_of(tmp_path / "store") if key != "mark.json"}
    stored_file(tmp_path / "store", "x", "v240/1.m4s").write_bytes(b"onE")
    assert main(["origin", "scrub", "--content-id", "x", "--repair", "off", "--json", *stores_of(tmp_path)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["damaged"], report["repaired"], report["lost"]) == (1, 0, 0)
    assert main(["origin", "scrub", "--content-id", "x", *stores_of(tmp_path)]) == 0
    assert stored_file(tmp_path / "store", "x", "v240/1.m4s").read_bytes() == b"one"
    for copy in ("store", "replica"):
        stored_file(tmp_path / copy, "x", "v240/1.m4s").write_bytes(b"onE")
    assert main(["origin", "scrub", *stores_of(tmp_path)]) == 1
    assert "1 objects lost" in capsys.readouterr().out


def test_what_cannot_be_scrubbed(title, tmp_path, capsys):
    assert main(["origin", "scrub", "--content-id", "never", *stores_of(tmp_path)]) == 1
    assert "there is no title never" in capsys.readouterr().err
    assert main(["origin", "scrub", "--content-id", "../x", *stores_of(tmp_path)]) == 2


def test_gc_counts_then_deletes(title, tmp_path, capsys):
    stray = tmp_path / "store/media/y/v240/1.m4s"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"stray")
    assert main(["origin", "gc", "--gc-grace", "0s", "--dry-run", *stores_of(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("1 objects would be deleted")
    assert stray.exists()
    assert main(["origin", "gc", *stores_of(tmp_path)]) == 0
    assert stray.exists(), "it is younger than a day"
    capsys.readouterr()
    assert main(["origin", "gc", "--gc-grace", "0s", "--json", *stores_of(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["objects"] == 1
    assert not stray.exists()
    assert asyncio.run(Library(open_folder(tmp_path / "store")).is_whole(title))
    (tmp_path / "store/titles/x/title.json").write_bytes(b"{")
    assert main(["origin", "gc", *stores_of(tmp_path)]) == 1


def test_a_rotation_of_the_master_key_rewrites_no_object(tmp_path, publish, capsys):
    """The new key first, rewrap, then the old one can go."""
    old, new, keys = make_key_line("old"), make_key_line("new"), tmp_path / "keys"
    keys.touch(mode=0o600)
    keys.write_bytes(old)
    arguments = ["--store", str(tmp_path / "store"), "--store-keys", str(keys)]

    def settings():
        from kernel.settings.table import resolve
        from origin.settings import OriginSettings

        return resolve(OriginSettings, flags={"store": [arguments[1]], "store_keys": [arguments[3]]})

    files = {"v240/1.m4s": b"a segment"}
    title = asyncio.run(publish(Library(open_store(settings(), {})), "x", 1, files, {"master.m3u8": b"top"}))
    media = {key: (tmp_path / "store" / key).read_bytes() for key in files_of(tmp_path / "store") if "keys/" not in key}
    assert not any(b"a segment" in data for data in media.values())
    keys.write_bytes(new + old)
    assert main(["origin", "rewrap", *arguments]) == 0
    assert capsys.readouterr().out.startswith("1 keys are now sealed under the newest")
    keys.write_bytes(new)
    segment = stored_file(tmp_path / "store", "x", "v240/1.m4s").relative_to(tmp_path / "store").as_posix()
    assert bytes(asyncio.run(open_store(settings(), {}).read(segment, 2, 9))) == b"segment"
    assert asyncio.run(Library(open_store(settings(), {})).title("x")) == title
    assert all((tmp_path / "store" / key).read_bytes() == data for key, data in media.items())
    assert main(["origin", "scrub", "--json", *arguments]) == 0
    assert main(["origin", "rewrap", "--store", str(tmp_path / "store")]) == 2
