"""The index on disk: found again after a restart, begun anew when damaged, one writer."""

import pytest

from kernel.errors import MatineeError, StorageFailed
from services.search.index import TitleIndex
from services.search.schema import Filters, IndexedTitle
from services.search.words import words


def entry(content_id, title, **more):
    fields = {"year": None, "genres": (), "cast": (), "text": "", "countries": None, "popularity": 0.0} | more
    return IndexedTitle(content_id, title, **fields)


@pytest.fixture
def index(tmp_path):
    index = TitleIndex(tmp_path)
    assert index.open("epoch") == 0
    yield index
    index.close()


def ids(found):
    return sorted(one.content_id for one in found)


def test_words_are_found_in_title_cast_and_text(index):
    index.update_titles(
        [
            entry("a", "Alien", cast=("Sigourney Weaver",)),
            entry("b", "Working Girl", cast=("Sigourney Weaver",)),
            entry("c", "Other", text="Hunted by aliens."),
        ],
        7,
    )
    assert ids(index.find_exact(["sigourney"], Filters(None), 10)) == ["a", "b"]
    assert ids(index.find_exact(["alien"], Filters(None), 10)) == ["a", "c"]
    assert ids(index.find_exact(["work"], Filters(None), 10)) == ["b"]
    assert ids(index.find_similar(["aliem"], Filters(None), 10)) == ["a"]
    assert index.title_count == 3


def test_a_title_is_replaced_not_doubled(index):
    index.update_titles([entry("a", "Alien")], 1)
    index.update_titles([entry("a", "Predator")], 2)
    assert ids(index.find_exact(["alien"], Filters(None), 10)) == []
    assert ids(index.find_exact(["predator"], Filters(None), 10)) == ["a"]
    assert index.title_count == 1


def test_country_and_genre_narrow_before_the_limit(index):
    many = [entry(f"fr{n}", "Alien", countries=("FR",)) for n in range(30)]
    index.update_titles(
        [
            *many,
            entry("de", "Alien", countries=("DE",), genres=("Science Fiction",)),
            entry("no", "Alien", countries=()),
        ],
        1,
    )
    assert ids(index.find_exact(["alien"], Filters("DE"), 5)) == ["de"]
    assert ids(index.find_similar(["alien"], Filters("DE"), 5)) == ["de"]
    assert ids(index.most_popular(Filters("DE", ("science fiction",)), 5)) == ["de"]
    assert ids(index.find_exact(["alien"], Filters(None), 5)) == []
    assert len(index.find_exact(["alien"], Filters("FR"), 5)) == 5


def test_a_restart_goes_on_where_the_index_stood(index, tmp_path):
    index.update_titles([entry("a", "Alien")], 42)
    index.close()
    again = TitleIndex(tmp_path)
    assert again.open("epoch") == 42
    assert again.rebuild_count == 0
    assert ids(again.find_exact(["alien"], Filters(None), 5)) == ["a"]
    again.close()


def test_another_catalogue_begins_anew(index, tmp_path):
    index.update_titles([entry("a", "Alien")], 42)
    index.close()
    again = TitleIndex(tmp_path)
    assert again.open("other") == 0
    assert again.most_popular(Filters(None), 5) == []
    again.close()


@pytest.mark.parametrize("harm", ["truncate", "garbage", "meta", "gone", "checkpoint"])
def test_a_damaged_index_begins_anew(index, tmp_path, harm):
    index.update_titles([entry(f"a{n}", f"Alien {n}", popularity=float(n)) for n in range(50)], 42)
    index.close()
    folder = tmp_path / "index"
    for file in [tmp_path / "checkpoint.json"] if harm == "checkpoint" else list(folder.iterdir()):
        if harm == "gone" or harm == "checkpoint":
            file.unlink() if harm == "gone" else file.write_bytes(b"{")
        elif harm == "meta":
            file.write_bytes(b"{}") if file.name == "meta.json" else None
        elif not file.name.startswith((".", "meta")):
            size = file.stat().st_size
            file.write_bytes(b"\0" * size if harm == "garbage" else file.read_bytes()[: size // 2])
    again = TitleIndex(tmp_path)
    assert again.open("epoch") == 0
    assert again.rebuild_count == 1
    again.update_titles([entry("a", "Alien")], 1)
    assert ids(again.find_exact(["alien"], Filters(None), 5)) == ["a"]
    again.close()


def test_a_second_process_is_told_that_the_index_is_in_use(index, tmp_path):
    index.update_titles([entry("a", "Alien")], 1)
    with pytest.raises(MatineeError, match="in use"):
        TitleIndex(tmp_path).open("epoch")


def test_after_damage_showed_nothing_is_answered_until_it_is_opened_anew(index):
    index.update_titles([entry("a", "Alien")], 1)
    index.discard()
    with pytest.raises(StorageFailed):
        index.find_exact(["alien"], Filters(None), 5)
    with pytest.raises(StorageFailed):
        index.update_titles([], 1)
    assert index.open("epoch") == 0


@pytest.mark.parametrize("text", ['"a:b(', "AND OR NOT", "*", "a" * 250, "\\", "title:x", "x~2", "½ ﬁ", "🎬 film", "ا"])
def test_operators_and_odd_letters_are_words_like_others(index, text):
    index.update_titles([entry("a", "Alien")], 1)
    query = words(text)
    if query:
        index.find_exact(query, Filters("DE"), 5)
        index.find_similar(query, Filters("DE"), 5)
