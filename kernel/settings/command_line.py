"""A program's command line, made from its settings table.

`read` turns argv into a settings object; the caller passes the environment and a function that reads the
TOML file. Wrong usage raises `Usage` (exit code 2), `--help` raises it with code 0: nothing is printed here.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TypeVar

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import ON_OFF_WORDS, SWITCH, Setting, resolve, table

T = TypeVar("T")


class Usage(MatineeError):
    """The command line is wrong, or help was requested: print `str(self)` and exit with `code`."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(f"{self.prog}: {message}\n{self.format_usage().rstrip()}\nTry `{self.prog} --help`.", 2)

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 (argparse names it)
        raise Usage(self.format_help().rstrip(), 0)


def parser(
    prog: str, summary: str, rows: Sequence[Setting], *, positional: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """An argparse parser with one flag for each row, and `positional` arguments by name."""
    made = _Parser(prog=prog, description=summary, allow_abbrev=False)
    for name in positional:
        made.add_argument(name, metavar=name.upper())
    made.add_argument("--config", metavar="FILE.toml", help="Read settings from this TOML file; flags override it.")
    for row in rows:
        sentence = row.sentence + (f" Default: {row.default}." if row.default is not None else "")
        options: dict[str, object] = {"dest": row.name, "action": "append", "help": sentence.replace("%", "%%")}
        options["metavar"] = row.kind.name.upper()
        if row.kind is SWITCH:
            options |= {"nargs": "?", "const": "on"}
        made.add_argument(row.flag, **options)  # type: ignore[arg-type]
    return made


def read(
    settings_class: type[T],
    argv: Sequence[str],
    *,
    prog: str,
    summary: str,
    env: Mapping[str, str],
    read_text: Callable[[str], str],
    positional: Sequence[str] = (),
) -> tuple[T, dict[str, str]]:
    """(settings, positional arguments by name). Raises Usage or BadSettings."""
    rows = table(settings_class)
    given = vars(parser(prog, summary, rows, positional=positional).parse_args(_switches_alone(rows, argv)))
    config = given.pop("config")
    arguments = {name: given.pop(name) for name in positional}
    flags = {name: texts for name, texts in given.items() if texts is not None}
    file = _read_config(config, read_text) if config else None
    return resolve(settings_class, flags=flags, env=env, file=file, file_name=config or ""), arguments


def _switches_alone(rows: Sequence[Setting], argv: Sequence[str]) -> list[str]:
    """argv with an explicit `on` after each bare switch, which would otherwise swallow a positional argument."""
    switches = {row.flag for row in rows if row.kind is SWITCH}
    alone: list[str] = []
    for place, word in enumerate(argv):
        if word == "--":
            return [*alone, *argv[place:]]
        said = any(following.lower() in ON_OFF_WORDS for following in argv[place + 1 : place + 2])
        alone.append(f"{word}=on" if word in switches and not said else word)
    return alone


def _read_config(name: str, read_text: Callable[[str], str]) -> dict[str, object]:
    try:
        return tomllib.loads(read_text(name))
    except OSError as error:
        raise BadSettings("config", f"cannot be read: {error.strerror or error}", f"file {name}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings("config", f"is not valid TOML: {error}", f"file {name}") from None


def command(
    settings_class: type[T],
    run: Callable[..., int],
    argv: Sequence[str],
    *,
    prog: str,
    summary: str,
    env: Mapping[str, str],
    read_text: Callable[[str], str],
    say: Callable[[str, bool], object],
    positional: Sequence[str] = (),
) -> int:
    """Read the settings, then `run(settings, **positional arguments)`; the exit code.

    `say(text, is_error)` prints. 0 fine, 1 failed (a MatineeError out of `run`), 2 wrong usage or settings.
    """
    try:
        settings, arguments = read(
            settings_class, argv, prog=prog, summary=summary, env=env, read_text=read_text, positional=positional
        )
        return run(settings, **arguments)
    except Usage as usage:
        say(str(usage), usage.code != 0)
        return usage.code
    except BadSettings as error:
        say(f"{prog}: {error}", True)
        return 2
    except MatineeError as error:
        say(f"{prog}: {error}", True)
        return 1
