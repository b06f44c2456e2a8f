"""Where services keep their tables: the settings that say so, shared by the program and its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from kernel.errors import BadSettings
from kernel.settings.table import PATH, TEXT, setting
from system.database.engine import DatabaseAddress, read_address

MAX_PASSWORD = 1_000


class StorageSettings(Protocol):
    """What the settings of every program or command with a database hold."""

    @property
    def data(self) -> Path:
        """The services' data folder."""

    @property
    def database(self) -> str | None:
        """The server's URL; None for SQLite files in `data`."""

    @property
    def database_password_file(self) -> Path | None:
        """The file of the server's password."""


def data_setting() -> Any:
    """The setting `data` of a command."""
    return setting(PATH, ".matinee/services", "The services' data folder.")


def database_setting() -> Any:
    """The setting `database`."""
    return setting(TEXT, None, "postgresql://[user@]host/name that the services share. Not set: SQLite files in DATA.")


def password_file_setting() -> Any:
    """The setting `database_password_file`."""
    return setting(PATH, None, "File that holds the password of `database`.")


def locate_database(settings: StorageSettings, service: str) -> DatabaseAddress:
    """Where a service's tables are: a schema of `database`, else an SQLite file of its own. Raises BadSettings."""
    if settings.database is not None and "://" not in settings.database:
        raise BadSettings("database", "is a postgresql:// URL; SQLite files are in the folder that `data` names")
    return read_address(settings.database, settings.data / f"{service}.sqlite3", settings.database_password_file)


def read_password(setting: str, path: Path | None) -> str | None:
    """The password in a file; None without one. Raises BadSettings naming the setting."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(setting, f"{path} cannot be read: {error}") from None
    if not text or len(text) > MAX_PASSWORD:
        raise BadSettings(setting, f"{path} must hold one password")
    return text
