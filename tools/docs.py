"""The reference pages that are made from the code: settings, counters and log fields, errors, states of a fill.

python -m tools.docs            writes docs/{settings,counters,errors,fills}.md
python -m tools.docs --check    says what differs and fails when anything does
"""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.fills import fill_state
from kernel import errors, vocabulary
from kernel.settings.table import Setting, table, tables_of
from tools import cli
from tools.cli import COMMANDS, Command

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kernel", "cache", "rpc", "httpd", "edge", "origin", "control", "services", "tools", "loadtest")
MADE = "<!-- Made from the code by `make docs`; do not edit. -->"


class Missing(Exception):
    """A module that the table of commands names is not there."""


def load(name: str) -> Any:
    """A module, or what has a command's settings (see `tools.cli.load`); Missing when its module does not exist."""
    try:
        return cli.load(name)
    except ModuleNotFoundError as error:
        raise Missing(f"{name}: {error}") from None


def find_modules(file_name: str, root: Path = ROOT) -> Iterator[str]:
    """The names of all modules in files called `file_name`, those of the kernel left out (it defines the rows)."""
    for package in PACKAGES[1:]:
        for path in sorted((root / package).rglob(file_name)):
            yield ".".join(path.relative_to(root).with_suffix("").parts)


def rows(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; bars in cells are escaped."""
    escaped = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings), *(f"| {line} |" for line in escaped)]


def _setting_row(row: Setting) -> tuple[str, str, str, str]:
    limits = [f"least {row.least:g}"] if row.least is not None else []
    limits += [f"most {row.most:g}"] if row.most is not None else []
    limits += ["as a flag only"] if row.flag_only else []
    kind = row.kind.name + (", several" if row.many else "") + "".join(f", {limit}" for limit in limits)
    default = f"`{row.default}`" if row.default is not None else "must be set" if row.required else "not set"
    return f"`{row.flag}`", kind, default, row.sentence


def settings_page(classes: Mapping[Command, type]) -> str:
    """docs/settings.md: a table for each command."""
    lines = [
        MADE,
        "# Settings",
        "",
        "Each can be given as a flag, as a variable (`--cache-dir` is `MATINEE_CACHE_DIR`) or in the TOML file that",
        '`--config` names (`cache-dir = "…"` or `cache_dir`). Flags override variables, variables override the file.',
        "Sizes are written `512MiB`, durations `30s`, `250ms`, `5m`; several values are separated by commas.",
    ]
    for command, settings_class in classes.items():
        positional = "".join(f" {name.upper()}" for name in command.positional)
        lines += ["", f"## matinee {command.name}{positional}", "", command.summary, ""]
        made = [_setting_row(row) for row in table(settings_class)]
        lines += rows(("Flag", "Kind", "Default", "Meaning"), made) if made else ["It has no settings."]
        for array in tables_of(settings_class):
            lines += ["", f"### `[[{array.name}]]` of matinee {command.name}", ""]
            lines += [f"{array.sentence} In the file only, at most {array.most} of them."]
            lines += ["What a table leaves out is as the flags above say.", ""]
            keys = [(f"`{row.name.replace('_', '-')}`", *_setting_row(row)[1::2]) for row in table(array.row_class)]
            lines += rows(("Key", "Kind", "Meaning"), keys)
    return "\n".join(lines) + "\n"


def counters_page(counters: Mapping[str, Sequence[Any]], fields: Mapping[str, Sequence[Any]]) -> str:
    """docs/counters.md: a table for each part that counts, and one for each part's log line."""
    lines = [MADE, "# Counters and log fields", "", "Counters are served in Prometheus' text form at `GET /metrics`."]
    for name, group in counters.items():
        lines += ["", f"## {name.split('.')[0]}: counters ({name})", ""]
        made = [(f"`{c.name}`", c.kind, ", ".join(c.labels) or "–", c.sentence) for c in group]
        lines += rows(("Name", "Kind", "Labels", "Meaning"), made)
    for name, group in fields.items():
        lines += ["", f"## {name.split('.')[0]}: fields of a log line ({name})", ""]
        lines += rows(("Field", "Meaning"), [(f"`{field.name}`", field.sentence) for field in group])
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """docs/errors.md: the errors that cross a border, and the refusals with their statuses."""
    lines = [
        MADE,
        "# Errors and refusals",
        "",
        "An error over HTTP is `application/problem+json` (RFC 9457) with a `reason` word.",
    ]
    lines += ["", "## Errors that cross a border", ""]
    classes = errors.MatineeError.__subclasses__()
    ours = sorted((c for c in classes if c.__module__ == errors.__name__), key=lambda c: c.__name__)
    lines += rows(("Error", "Meaning"), [(f"`{c.__name__}`", first_sentence(c.__doc__)) for c in ours])
    lines += ["", "## Refusals of a viewer's request", ""]
    sentences: Mapping[Any, str] = getattr(vocabulary, "REFUSAL_SENTENCES", {})
    statuses = vocabulary.REFUSAL_STATUS.items()
    made = [(f"`{reason}`", str(status), sentences.get(reason, "")) for reason, status in statuses]
    lines += rows(("Reason", "Status", "Meaning"), made)
    lines += ["", "## Why a viewer's connection is cut", ""]
    lines += rows(("Reason", "Meaning"), [(f"`{why}`", told) for why, told in vocabulary.ABORT_SENTENCES.items()])
    lines += ["", "## Why an answer is not called `stored` (`detail` of Cache-Status)", ""]
    lines += rows(("Word", "Meaning"), [(f"`{why}`", told) for why, told in vocabulary.NOT_STORED_SENTENCES.items()])
    lines += ["", "## Refusals of the doors for operators and services", ""]
    doors = vocabulary.DOOR_REFUSAL_STATUS.items()
    told = [(f"`{reason}`", str(status), vocabulary.DOOR_REFUSAL_SENTENCES[reason]) for reason, status in doors]
    lines += rows(("Reason", "Status", "Meaning"), told)
    return "\n".join(lines) + "\n"


def fills_page() -> str:
    """docs/fills.md: the states of a fill, drawn from the table that the code runs by."""
    words = (fill_state.__doc__ or "").split("\n\n", 1)[1]
    lines = [
        MADE,
        "# The states of a fill",
        "",
        "One fetch from upstream serves everybody who asks for the object while it lasts. What may happen to it when,",
        "and where that leads, is one table, `cache/fills/fill_state.py`; this is drawn from it.",
        "",
        "```mermaid",
        fill_state.diagram(),
        "```",
        "",
        "```",
        textwrap.dedent(words).rstrip(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def first_sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((docstring or "").split("\n\n")[0].split())


def pages(missing: list[str]) -> dict[Path, str]:
    """Every made page by its path; what could not be loaded is added to `missing` and left out."""
    classes: dict[Command, type] = {}
    for command in COMMANDS:
        try:
            classes[command] = load(command.module).SETTINGS
        except (Missing, AttributeError) as error:
            missing.append(f"`matinee {command.name}`: {error}")
    counters = {name: load(name).COUNTERS for name in find_modules("counters.py")}
    fields = {name: load(name).LOG_FIELDS for name in find_modules("log_fields.py")}
    folder = ROOT / "docs"
    return {
        folder / "settings.md": settings_page(classes),
        folder / "counters.md": counters_page(counters, fields),
        folder / "errors.md": errors_page(),
        folder / "fills.md": fills_page(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; 1 when a check found something."""
    checking = "--check" in (sys.argv[1:] if argv is None else argv)
    missing: list[str] = []
    wrong = False
    for path, text in pages(missing).items():
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there == text:
            continue
        if checking:
            wrong = True
            diff = difflib.unified_diff(
                there.splitlines(), text.splitlines(), f"{path.name} as it is", "as the code says", "", "", 0
            )
            print("\n".join(list(diff)[:20]), file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    for what in missing:
        print(f"docs: {what}", file=sys.stderr)
    if checking and wrong:
        print("docs: run `make docs` and commit what it writes", file=sys.stderr)
    return 1 if checking and (wrong or missing) else 0


if __name__ == "__main__":
    sys.exit(main())
