"""Settings as a table: each has a kind, a default, a sentence; the docs are made from it.

A program's settings are a frozen dataclass whose fields are made by `setting(...)`. `resolve` builds it
from flags over `MATINEE_…` variables over a TOML file over defaults. Whatever is unknown or impossible raises
`BadSettings` naming the setting and where it was set. Reading files and the environment is the caller's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kernel.errors import BadSettings
from kernel.kinds import (
    ADDRESS,
    CIDR,
    COUNTRY,
    DURATION,
    INTEGER,
    NUMBER,
    ON_OFF_WORDS,
    PATH,
    PATH_OR_OFF,
    SIZE,
    SWITCH,
    TEXT,
    URL,
    Address,
    Kind,
    choice,
    parse_address,
    parse_duration,
    parse_size,
)

__all__ = [
    "ADDRESS",
    "CIDR",
    "COUNTRY",
    "DURATION",
    "INTEGER",
    "NUMBER",
    "ON_OFF_WORDS",
    "PATH",
    "PATH_OR_OFF",
    "SIZE",
    "SWITCH",
    "TEXT",
    "URL",
    "Address",
    "Kind",
    "Setting",
    "choice",
    "parse_address",
    "parse_duration",
    "parse_size",
    "resolve",
    "setting",
    "table",
    "unknown_variables",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of a program's table. `default` is text as a user would write it; None = not set.

    `flag_only`: it says what to do this once, so neither a variable nor a file can set it.
    """

    name: str
    kind: Kind
    default: str | None
    sentence: str
    required: bool
    many: bool
    secret: bool
    flag_only: bool
    least: float | None
    most: float | None

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "MATINEE_" + self.name.upper()

    def parse(self, texts: Sequence[str], source: str) -> Any:
        """The value of one or several texts; BadSettings when impossible."""
        if self.many:
            parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
            return tuple(self._one(part, source) for part in parts)
        return self._one(texts[-1], source)

    def _one(self, text: str, source: str) -> Any:
        try:
            value = self.kind.parse(text)
            if self.least is not None and value < self.least:
                raise ValueError(f"{text!r} is below the least, {self.least:g}")
            if self.most is not None and value > self.most:
                raise ValueError(f"{text!r} is above the most, {self.most:g}")
        except ValueError as error:
            raise BadSettings(self.name, "not acceptable" if self.secret else str(error), source) from None
        return value


def setting(
    kind: Kind,
    default: str | None,
    sentence: str,
    *,
    required: bool = False,
    many: bool = False,
    secret: bool = False,
    flag_only: bool = False,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A field of a settings dataclass; see `Setting` for the arguments."""
    row = {"kind": kind, "default": default, "sentence": sentence, "required": required}
    limits = {"many": many, "secret": secret, "flag_only": flag_only, "least": least, "most": most}
    return dataclasses.field(metadata={"setting": row | limits})


def table(settings_class: type) -> tuple[Setting, ...]:
    """The rows of a settings dataclass, in order."""
    return tuple(
        Setting(name=field.name, **field.metadata["setting"])
        for field in dataclasses.fields(settings_class)
        if "setting" in field.metadata
    )


def resolve(
    settings_class: type[T],
    *,
    flags: Mapping[str, Sequence[str]] | None = None,
    env: Mapping[str, str] | None = None,
    file: Mapping[str, object] | None = None,
    file_name: str = "",
) -> T:
    """Build `settings_class`: flags over variables over the file over defaults.

    `flags` maps field names to the texts given; `file` is the parsed TOML. Raises BadSettings.
    """
    rows = {row.name: row for row in table(settings_class)}
    from_file = _from_file(rows, file or {}, file_name)
    values: dict[str, Any] = {}
    for name, row in rows.items():
        if flags and name in flags:
            values[name] = row.parse(flags[name], f"flag {row.flag}")
        elif env and row.variable in env and not row.flag_only:
            values[name] = row.parse([env[row.variable]], f"variable {row.variable}")
        elif name in from_file:
            values[name] = row.parse(from_file[name], f"file {file_name}")
        elif row.default is not None:
            values[name] = row.parse([row.default], "default")
        elif row.required:
            raise BadSettings(name, f"must be set, for example with {row.flag}")
        else:
            values[name] = () if row.many else None
    return settings_class(**values)


def unknown_variables(env: Mapping[str, str], known: Iterable[Setting]) -> list[str]:
    """The `MATINEE_…` variables that no setting of `known` reads."""
    names = {row.variable for row in known if not row.flag_only}
    return sorted(name for name in env if name.startswith("MATINEE_") and name not in names)


def _from_file(rows: Mapping[str, Setting], file: Mapping[str, object], name: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for key, value in file.items():
        field = key.replace("-", "_")
        if field not in rows:
            raise BadSettings(key, "there is no such setting", f"file {name}")
        if rows[field].flag_only:
            raise BadSettings(key, f"is said with {rows[field].flag} each time, not in a file", f"file {name}")
        if field in texts:
            raise BadSettings(key, "stands twice, with a dash and with an underscore", f"file {name}")
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, (str, int, float, bool)):
                raise BadSettings(key, "must be a text, a number, true or false, or a list of them", f"file {name}")
        if len(items) != 1 and not rows[field].many:
            raise BadSettings(key, "takes one value, not a list", f"file {name}")
        texts[field] = [("on" if item else "off") if isinstance(item, bool) else str(item) for item in items]
    return texts
