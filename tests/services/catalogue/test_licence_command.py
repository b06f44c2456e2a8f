"""`matinee catalogue licence`."""

import asyncio

import pytest

from kernel.errors import BadSettings, MatineeError
from kernel.settings.command_line import read
from services.catalogue.licence_command import LicenceSettings, run
from services.catalogue.store import CatalogueStore
from services.catalogue.title import Title
from services.catalogue.title_line import ImportedTitle
from system.database.engine import DatabaseAddress

NOW = 1_800_000_000.0


def settings(folder, *flags):
    argv = ["--data", str(folder), *flags]
    return read(LicenceSettings, argv, prog="p", summary="s", env={}, read_text=str)[0]


@pytest.fixture
def folder(tmp_path):
    async def fill():
        store = CatalogueStore(DatabaseAddress(tmp_path / "catalogue.sqlite3"))
        await store.open()
        await store.import_titles([ImportedTitle(Title("a", "A"), licence_given=True)], NOW)
        await store.close()

    asyncio.run(fill())
    return tmp_path


def countries(folder):
    async def get():
        store = CatalogueStore(DatabaseAddress(folder / "catalogue.sqlite3"))
        await store.open()
        found = (await store.get("a")).countries
        await store.close()
        return found

    return asyncio.run(get())


def test_a_licence_is_set_by_each_of_its_flags(folder, capsys):
    for flags, expected in ((["--allow", "fr,DE"], ("DE", "FR")), (["--nowhere"], ()), (["--everywhere"], None)):
        assert run(settings(folder, *flags), "a") == 0
        assert countries(folder) == expected
    assert "DE, FR" in capsys.readouterr().out


def test_flags_that_say_nothing_or_two_things_are_refused(folder):
    for flags in ([], ["--allow", "DE", "--nowhere"], ["--everywhere", "--nowhere"]):
        with pytest.raises(BadSettings):
            run(settings(folder, *flags), "a")


def test_an_unknown_title_and_an_absent_catalogue_are_told(folder, tmp_path):
    with pytest.raises(MatineeError, match="nobody"):
        run(settings(folder, "--nowhere"), "nobody")
    with pytest.raises(BadSettings, match="no catalogue"):
        run(settings(tmp_path / "none", "--nowhere"), "a")
