"""What is old goes, and a person's traces go whenever they ask."""

from services.analytics.lake.compactor import Compactor
from services.analytics.lake.lake_upkeep import delete_before, erase_rows, export_rows, find_sessions, list_files
from services.analytics.views.view_book import ViewBook
from tests.services.analytics.conftest import MemoryLog, T, cmcd_film


def fill(lake, folder):
    log = MemoryLog()
    for session, subject in (("a", "ann"), ("b", "bob"), ("c", "")):
        body = f'{{"event":"start","sessionId":"{session}","contentId":"film"}}'.encode()
        log.append("playback", body, subject=subject, sessions=(session,))
        log.append("cmcd", cmcd_film(session), at=61, sessions=(session,))
    compactor = Compactor(folder, log, lake, ViewBook())
    compactor.open()
    while compactor.read_some():
        pass
    compactor.flush(T + 90_000)
    compactor.close()


def test_a_person_is_found_exported_and_erased(lake, tmp_path):
    fill(lake, tmp_path / "state")
    ann = frozenset({"ann", "account"})
    sessions = find_sessions(lake, ann)
    assert sessions == {"a"}
    exported = export_rows(lake, ann, sessions)
    assert sorted(row["kind"] for row in exported) == ["cmcd"] * 5 + ["playback", "views"]
    assert erase_rows(lake, ann, sessions) == 3
    assert export_rows(lake, ann, sessions) == []
    assert erase_rows(lake, ann, sessions) == 0
    assert {row["session"] for row in export_rows(lake, frozenset({"bob"}), frozenset({"b", "c"}))} == {"b", "c"}


def test_nobody_is_found_by_an_empty_name(folder_lake, tmp_path):
    fill(folder_lake, tmp_path / "state")
    assert find_sessions(folder_lake, frozenset({""})) == frozenset()
    assert erase_rows(folder_lake, frozenset({""}), frozenset({""})) == 0


def test_events_and_views_are_kept_for_as_long_as_said(lake, tmp_path):
    fill(lake, tmp_path / "state")
    assert delete_before(lake, T + 3600, views=False) == 2
    assert {one.partition.kind for one in list_files(lake)} == {"views"}
    assert delete_before(lake, T + 90_000, views=True) == 0
    assert delete_before(lake, T + 95_000, views=True) == 1
