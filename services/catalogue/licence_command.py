"""`matinee catalogue licence CONTENT`: set where a title may be watched; running services apply it within a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import COUNTRY, SWITCH, setting
from services.catalogue.store import CatalogueStore
from services.catalogue.title import normalise_countries
from services.storage.location import data_setting, database_setting, locate_database, password_file_setting


@dataclass(frozen=True)
class LicenceSettings:
    """`matinee catalogue licence CONTENT`."""

    data: Path = data_setting()
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()
    allow: tuple[str, ...] = setting(COUNTRY, None, "Allow only these countries.", many=True, flag_only=True)
    everywhere: bool = setting(SWITCH, "off", "Allow all countries.", flag_only=True)
    nowhere: bool = setting(SWITCH, "off", "Allow no country.", flag_only=True)


SETTINGS = LicenceSettings


def run(settings: LicenceSettings, content: str) -> int:
    """Set the licence of the title with contentId CONTENT."""
    if [bool(settings.allow), settings.everywhere, settings.nowhere].count(True) != 1:
        raise BadSettings("allow", "give exactly one of --allow DE,FR, --everywhere, --nowhere")
    countries = None if settings.everywhere else normalise_countries(settings.allow)
    asyncio.run(_licence(settings, content, countries))
    where = "everywhere" if countries is None else ", ".join(countries) or "nowhere"
    print(f"{content} may be watched: {where}")
    return 0


async def _licence(settings: LicenceSettings, content: str, countries: tuple[str, ...] | None) -> None:
    if not (settings.data / "catalogue.sqlite3").exists():
        raise BadSettings("data", f"there is no catalogue in {settings.data}")
    store = CatalogueStore(locate_database(settings, "catalogue"))
    await store.open()
    try:
        if not await store.set_licence(content, countries):
            raise MatineeError(f"there is no title with contentId {content!r} in the catalogue")
    finally:
        await store.close()
