"""The catalogue as each service sees it."""

from services.adapters.catalogue import CatalogueForPlayback, as_playback_title
from services.catalogue.store import CatalogueStore
from services.catalogue.title import Kind, Playable, Rendition, Title
from services.catalogue.title_line import ImportedTitle
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock

NOW = 1_800_000_000.0

FILM = Title(
    "a", "A", countries=("DE",), attribution="Somebody",
    playable=Playable(duration=9.0, renditions=(Rendition("v720", 718, 720, 2_000_000),), streams={"hls": "m"},
                      thumbnail="p.jpg"),
)  # fmt: skip


def test_playback_sees_a_film_with_its_licence_in_the_country():
    here, away = as_playback_title(FILM, "DE", NOW), as_playback_title(FILM, "FR", NOW)
    assert (here.availability, away.availability) == ("available", "not-in-your-country")
    assert (here.published, here.duration, here.renditions, here.streams) == (
        True,
        9.0,
        ((720, 2_000_000),),
        (("hls", "m"),),
    )
    assert not as_playback_title(Title("a", "A"), None, NOW).published


async def test_pictures_are_there_or_not(tmp_path):
    store = CatalogueStore(DatabaseAddress(tmp_path / "catalogue.sqlite3"))
    await store.open()
    await store.import_titles([ImportedTitle(FILM, licence_given=True)], NOW)
    films = CatalogueForPlayback(store, FakeClock())
    assert await films.thumbnail("a", "DE") == "p.jpg"
    assert await films.thumbnail("a", "FR") is None
    assert await films.thumbnail("nobody", "DE") is None
    assert await films.playback_title("nobody", "DE") is None
    show, pilot = (
        Title("show", "Show", kind=Kind.SERIES, maturity=16),
        Title("e", "E", kind=Kind.EPISODE, parent="show"),
    )
    await store.import_titles([ImportedTitle(one, licence_given=True) for one in (show, pilot)], NOW)
    assert (await films.playback_title("e", "DE")).maturity == 16, "an episode is for the age of its series"
    await store.close()
