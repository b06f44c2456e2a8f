"""`matinee events import`."""

import asyncio
import gzip

from services.recommend.import_command import EventsSettings, run
from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress

HEAD = b"userId,contentId,action,value,timestamp\n"


def count(folder):
    async def read():
        store = FeedbackStore(DatabaseAddress(folder / "recommend.sqlite3"))
        await store.open()
        found = await store.count_after(0)
        await store.close()
        return found

    return asyncio.run(read())


def test_events_are_stored_packed_or_plain_with_header_or_without(tmp_path):
    lines = b'u1,a,LIKE,,1700000000\n"u2",a,WATCH,0.5,1700000001\r\n\nu3,b,VIEW,,1700000002'
    for number, body in enumerate((HEAD + lines, lines, gzip.compress(HEAD + lines))):
        file = tmp_path / f"events{number}"
        file.write_bytes(body)
        assert run(EventsSettings(tmp_path / str(number), None, None), str(file)) == 0
        assert count(tmp_path / str(number)) == 3


def test_bad_lines_are_named_and_good_ones_kept(tmp_path, capfd):
    file = tmp_path / "events.csv"
    file.write_bytes(HEAD + b"u1,a,LOVE,,1\nu1,a,LIKE,,1\n\xff\n" + b"x" * 9000 + b"\nu1,a,LIKE,,2\n")
    assert run(EventsSettings(tmp_path / "data", None, None), str(file)) == 1
    out, err = capfd.readouterr()
    assert "2 events stored" in out
    assert "line 2: field `action`" in err
    assert "line 4:" in err
    assert "line 5:" in err
    assert "skipped 3 invalid lines" in err
    assert count(tmp_path / "data") == 2


def test_the_same_file_imported_twice_stores_each_event_once(tmp_path, capsys):
    file = tmp_path / "events.csv"
    file.write_bytes(HEAD + b"u1,a,WATCH,0.5,1700000000\nu1,a,WATCH,0.5,1700000000\nu2,a,LIKE,,1700000000\n")
    settings = EventsSettings(tmp_path / "data", None, None)
    assert run(settings, str(file)) == 0
    assert "2 events stored; 1 were stored before" in capsys.readouterr().out
    assert run(settings, str(file)) == 0
    assert "0 events stored; 3 were stored before" in capsys.readouterr().out
    assert count(tmp_path / "data") == 2


def test_lines_may_end_with_a_bare_cr(tmp_path):
    file = tmp_path / "events.csv"
    lines = b"".join(b"u%d,a,LIKE,,1700000000\r" % number for number in range(500))
    file.write_bytes(HEAD.replace(b"\n", b"\r") + lines)
    assert run(EventsSettings(tmp_path / "data", None, None), str(file)) == 0
    assert count(tmp_path / "data") == 500
