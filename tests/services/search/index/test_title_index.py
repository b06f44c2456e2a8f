"""A generation of the index: kept over a restart, damage noticed, one writer."""

import pytest

from kernel.errors import MatineeError, StorageFailed
from services.search.index import stages
from services.search.index.title_index import TitleIndex, existing_rows
from tests.services.search.conftest import entry


@pytest.fixture
def index(tmp_path):
    index = TitleIndex(tmp_path / "g")
    index.create("epoch")
    yield index
    index.close()


def write(index, *entries, cursor=1):
    index.update_titles(entries)
    index.commit(cursor, complete=True)


def all_ids(index):
    rows = stages.fetch_popular(index.snapshot, stages.all_titles(), [], 100)
    return sorted(row.content_id for row in rows)


def test_a_title_is_replaced_not_doubled(index):
    write(index, entry("a", "Alien"))
    write(index, entry("a", "Predator"), entry("a", "Predator 2"))
    assert all_ids(index) == ["a"]
    assert index.checkpoint.titles == 1
    assert [row.title for row in index.snapshot.rows.values()] == ["Predator 2"]


def test_a_deleted_title_is_gone(index):
    write(index, entry("a"), entry("b"))
    write(index, entry("a", deleted=True))
    assert all_ids(index) == ["b"]
    assert len(index.snapshot.rows) == 1


def test_a_snapshot_read_while_a_title_goes_skips_it(index):
    write(index, entry("a"))
    before = index.snapshot
    ranks = list(before.rows)
    write(index, entry("a", deleted=True))
    assert existing_rows(before, ranks) == []


def test_titles_of_equal_popularity_all_stay(index):
    write(index, *(entry(f"t{n}", popularity=1.0) for n in range(3000)))
    assert len(index.snapshot.rows) == index.checkpoint.titles == 3000


def test_what_was_committed_is_there_after_a_restart(index, tmp_path):
    write(index, entry("a", "Alien", genres=("Horror",), countries=("DE",), rating=7.5), cursor=42)
    index.update_titles([entry("b")])  # not committed
    index.close()
    again = TitleIndex(tmp_path / "g")
    assert again.open()
    assert again.checkpoint.cursor == 42
    assert all_ids(again) == ["a"]
    [row] = again.snapshot.rows.values()
    assert (row.genres, row.countries, row.rating) == ((("horror", "Horror"),), ("DE",), 7.5)
    again.close()


@pytest.mark.parametrize("harm", ["truncate", "garbage", "meta", "gone", "checkpoint", "missing-titles"])
def test_damage_is_noticed(index, tmp_path, harm):
    write(index, *(entry(f"a{n}", f"Alien {n}", popularity=float(n)) for n in range(50)))
    index.close()
    folder = tmp_path / "g"
    checkpoint = folder / "checkpoint.json"
    if harm == "checkpoint":
        checkpoint.write_bytes(b"{")
    elif harm == "missing-titles":
        checkpoint.write_bytes(checkpoint.read_bytes().replace(b'"titles":50', b'"titles":51'))
    else:
        for file in (folder / "index").iterdir():
            if harm == "gone":
                file.unlink()
            elif harm == "meta" and file.name == "meta.json":
                file.write_bytes(b"{}")
            elif harm in ("truncate", "garbage") and not file.name.startswith((".", "meta")):
                size = file.stat().st_size
                file.write_bytes(b"\0" * size if harm == "garbage" else file.read_bytes()[: size // 2])
    again = TitleIndex(folder)
    assert not again.open()
    with pytest.raises(StorageFailed):
        _ = again.snapshot


def test_a_second_process_is_told_that_the_index_is_in_use(index, tmp_path):
    write(index, entry("a"))
    with pytest.raises(MatineeError, match="in use"):
        TitleIndex(tmp_path / "g").open()


def test_writing_to_a_closed_index_fails(index):
    index.close()
    with pytest.raises(StorageFailed):
        index.update_titles([entry("a")])
