"""Settings as a table: each has a kind, a default and a sentence; the docs are generated from it.

The settings of a program are a frozen dataclass whose fields are made by `setting(...)`. `resolve` builds it from
flags, then `MATINEE_…` variables, then a TOML file, then defaults. Unknown or invalid values raise `BadSettings` naming
the setting and where it was set. The caller reads files and the environment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kernel.errors import BadSettings
from kernel.settings.setting_types import (
    ADDRESS,
    AUTO_OR_INTEGER,
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
    "AUTO_OR_INTEGER",
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
    "given",
    "parse_address",
    "parse_duration",
    "parse_size",
    "resolve",
    "row_of",
    "setting",
    "table",
    "tables",
    "tables_of",
    "unknown_variables",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of a table. `default` is text as a user would write it; None: not set.

    `flag_only`: it applies to one run, so neither a variable nor a file can set it. `splits`: commas separate several
    values in one text.
    """

    name: str
    kind: Kind
    default: str | None
    sentence: str
    required: bool
    many: bool
    splits: bool
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
            found = [part for text in texts for part in (text.split(",") if self.splits else (text,))]
            parts = [part.strip() for part in found if part.strip()]
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
    splits: bool = True,
    secret: bool = False,
    flag_only: bool = False,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A field that holds a tuple of `row_class`, itself a dataclass of settings.

    Only a file can set it. `row_class` checks combinations of its keys and raises BadSettings naming the row.
    """
    row = {"kind": kind, "default": default, "sentence": sentence, "required": required}
    limits = {"many": many, "splits": splits, "secret": secret, "flag_only": flag_only, "least": least, "most": most}
    return dataclasses.field(metadata={"setting": row | limits})


def row_of(settings_class: type, name: str) -> Any:
    """A field that copies the row `name` of another settings dataclass: kind, default and sentence."""
    field = next(field for field in dataclasses.fields(settings_class) if field.name == name)
    default = {} if field.default is dataclasses.MISSING else {"default": field.default}
    return dataclasses.field(metadata=field.metadata, **default)


@dataclass(frozen=True, slots=True)
class Tables:
    """An array of tables of the TOML file: `[[name]]`, at most `most`, each of them an object of `row_class`."""

    name: str
    row_class: type
    sentence: str
    most: int


def tables(row_class: type, sentence: str, *, most: int) -> Any:
    """A field of a settings dataclass that holds a tuple of `row_class`, itself a dataclass of settings.

    Only a file can set it. `row_class` refuses what its rows alone cannot show by BadSettings naming the row.
    """
    return dataclasses.field(
        default=(), metadata={"tables": {"row_class": row_class, "sentence": sentence, "most": most}}
    )


def tables_of(settings_class: type) -> tuple[Tables, ...]:
    """The arrays of tables of a settings dataclass, in order."""
    fields = [field for field in dataclasses.fields(settings_class) if "tables" in field.metadata]
    return tuple(Tables(name=field.name, **field.metadata["tables"]) for field in fields)


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
    arrays = {one.name: one for one in tables_of(settings_class)}
    plain = {key: value for key, value in (file or {}).items() if key not in arrays}
    from_file = _from_file(rows, plain, f"file {file_name}")
    values: dict[str, Any] = {
        name: _rows_of(one, (file or {}).get(name, []), f"file {file_name}") for name, one in arrays.items()
    }
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
    try:
        return settings_class(**values)
    except BadSettings as error:
        if not error.source or not file_name:
            raise
        raise BadSettings(error.setting, error.why, f"file {file_name}, {error.source}") from None


def given(settings_class: type, document: Mapping[str, object], source: str) -> dict[str, Any]:
    """The values that a document in the form of the file sets, and no others. Raises BadSettings."""
    rows = {row.name: row for row in table(settings_class)}
    arrays = {one.name: one for one in tables_of(settings_class)}
    empty = next((key for key, value in document.items() if value == [] and key not in arrays), None)
    if empty is not None:
        raise BadSettings(empty, "is an empty list; leave it out", source)
    texts = _from_file(rows, {key: value for key, value in document.items() if key not in arrays}, source)
    values = {name: rows[name].parse(text, source) for name, text in texts.items()}
    return values | {name: _rows_of(one, document[name], source) for name, one in arrays.items() if name in document}


def unknown_variables(env: Mapping[str, str], known: Iterable[Setting]) -> list[str]:
    """The `MATINEE_…` variables that no setting of `known` reads."""
    names = {row.variable for row in known if not row.flag_only}
    return sorted(name for name in env if name.startswith("MATINEE_") and name not in names)


def _rows_of(array: Tables, given: object, source: str) -> tuple[Any, ...]:
    """The objects of an array of tables; an error names the number of the object, counted from 1."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BadSettings(array.name, f"is a list of tables, each begun by [[{array.name}]]", source)
    if len(given) > array.most:
        raise BadSettings(array.name, f"there are {len(given)} tables; at most {array.most} may be", source)
    rows = {row.name: row for row in table(array.row_class)}
    made = []
    for number, one in enumerate(given, 1):
        where = f"{source}, {array.name} {number}"
        empty = next((key for key, value in one.items() if value == []), None)
        if empty is not None:
            raise BadSettings(empty, "is an empty list; leave it out, or say none or off where it has them", where)
        texts = _from_file(rows, one, where)
        values = {
            name: row.parse(texts[name], where) if name in texts else () if row.many else None
            for name, row in rows.items()
        }
        try:
            made.append(array.row_class(**values))
        except BadSettings as error:
            raise BadSettings(error.setting, error.why, where) from None
    return tuple(made)


def _from_file(rows: Mapping[str, Setting], file: Mapping[str, object], source: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for key, value in file.items():
        field = key.replace("-", "_")
        if field not in rows:
            raise BadSettings(key, "there is no such setting", source)
        if rows[field].flag_only:
            raise BadSettings(key, f"is said with {rows[field].flag} each time, not in a file", source)
        if field in texts:
            raise BadSettings(key, "stands twice, with a dash and with an underscore", source)
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, (str, int, float, bool)):
                raise BadSettings(key, "must be a text, a number, true or false, or a list of them", source)
        if len(items) != 1 and not rows[field].many:
            raise BadSettings(key, "takes one value, not a list", source)
        texts[field] = [("on" if item else "off") if isinstance(item, bool) else str(item) for item in items]
    return texts
