"""Generate the reference pages from the code: settings, counters and log fields, errors, states of fills and jobs.

python -m tools.docs            writes docs/{settings,counters,errors,fills,job-states}.md
python -m tools.docs --check    prints what differs and fails if anything does

Over 300 lines because each page is one function here, and they share how tables are written.
"""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.fills import fill_state
from edge.serve import response_state
from kernel import errors, fetch_reasons, store_faults, vocabulary
from kernel.settings.table import Setting, table, tables_of
from origin.jobs import alerts, job_graph, job_states, retry_policy
from services.recommend.service import SOURCE_SENTENCES
from services.recommend.vocabulary import REASON_SENTENCES
from tools import cli
from tools.cli import COMMANDS, Command

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kernel", "system", "cache", "rpc", "httpd", "edge", "origin", "control", "services", "tools", "loadtest")
MADE = "<!-- Made from the code by `make docs`; do not edit. -->"


class Missing(Exception):
    """A module named in the table of commands does not exist."""


def load(name: str) -> Any:
    """Import a module, or the object holding a command's settings (see `tools.cli.load`); raises Missing."""
    try:
        return cli.load(name)
    except ModuleNotFoundError as error:
        raise Missing(f"{name}: {error}") from None


def find_modules(file_name: str, root: Path = ROOT) -> Iterator[str]:
    """Dotted names of all modules called `file_name`, except in the kernel, which defines the row types."""
    for package in PACKAGES[1:]:
        for path in sorted((root / package).rglob(file_name)):
            yield ".".join(path.relative_to(root).with_suffix("").parts)


def rows(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Format a Markdown table; escapes bars in cells."""
    escaped = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings), *(f"| {line} |" for line in escaped)]


UNITS: Mapping[str, Sequence[tuple[int, str]]] = {
    "size": ((1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB"), (1, " B")),
    "duration": ((86400, " d"), (3600, " h"), (60, " min"), (1, " s")),
}
"""Per kind of setting the units its limits are printed in, the largest first."""

MIN_SHARED = 3
"""Settings that this many commands have in the same form are listed once."""

SettingRow = tuple[str, str, str, str]


def format_limit(kind: str, limit: float) -> str:
    """A limit in the largest unit that divides it: `1 MiB`, `365 d`, `64533`, `0.01`."""
    for factor, unit in UNITS.get(kind, ()):
        if limit and limit % factor == 0:
            return f"{int(limit // factor)}{unit}"
    text = str(int(limit)) if limit == int(limit) else f"{limit:g}"
    return f"{text} s" if kind == "duration" and limit else text


def _setting_row(row: Setting) -> SettingRow:
    limits = [f"min {format_limit(row.kind.name, row.least)}"] if row.least is not None else []
    limits += [f"max {format_limit(row.kind.name, row.most)}"] if row.most is not None else []
    limits += ["as a flag only"] if row.flag_only else []
    kind = row.kind.name + (", several" if row.many else "") + "".join(f", {limit}" for limit in limits)
    default = f"`{row.default}`" if row.default is not None else "must be set" if row.required else "not set"
    return f"`{row.flag}`", kind, default, row.sentence


def shared_rows(tables: Mapping[str, Sequence[SettingRow]]) -> dict[str, list[SettingRow]]:
    """Rows that at least MIN_SHARED commands have in the same form, by the heading they are listed under."""
    users: dict[SettingRow, list[str]] = {}
    for command, made in tables.items():
        for row in made:
            users.setdefault(row, []).append(command)
    shared: dict[str, list[SettingRow]] = {}
    for row, commands in users.items():
        if len(commands) >= MIN_SHARED:
            fleet_only = all(command.startswith("fleet") for command in commands)
            shared.setdefault("Shared by fleet commands" if fleet_only else "Shared by programs", []).append(row)
    return shared


def settings_page(classes: Mapping[Command, type]) -> str:
    """docs/settings.md: a table for each command; what several commands share is listed once and referred to."""
    lines = [
        MADE,
        "# Settings",
        "",
        "Set each one with a flag, a variable (`--cache-dir` is `MATINEE_CACHE_DIR`) or a line of the TOML file that",
        '`--config` names (`cache-dir = "…"` or `cache_dir`). Flags override variables, variables override the file.',
        "Write sizes as `512MiB` and durations as `30s`, `250ms` or `5m`. Separate several values with commas.",
    ]
    tables = {command.name: [_setting_row(row) for row in table(owner)] for command, owner in classes.items()}
    listed: dict[SettingRow, str] = {}
    for heading, made in shared_rows(tables).items():
        listed |= dict.fromkeys(made, heading)
        lines += ["", f"## {heading}", "", "Commands below refer to this table.", "", *_settings_table(made)]
    arrays_listed: dict[tuple[SettingRow, ...], str] = {}
    for command, settings_class in classes.items():
        positional = "".join(f" {name.upper()}" for name in command.positional)
        heading = f"matinee {command.name}{positional}"
        lines += ["", f"## {heading}", "", command.summary]
        own = [row for row in tables[command.name] if row not in listed]
        lines += ["", *_settings_table(own)] if own else []
        lines += _references([row for row in tables[command.name] if row in listed], listed)
        lines += [] if tables[command.name] else ["", "It has no settings."]
        if command.name == "edge":  # a shield is the same program: only the edge's section has the whole table
            listed |= dict.fromkeys(own, heading)
        for array in tables_of(settings_class):
            keys = tuple(_setting_row(row) for row in table(array.row_class))
            lines += ["", f"### `[[{array.name}]]` of matinee {command.name}", ""]
            if keys in arrays_listed:
                lines += [f"As [those of {arrays_listed[keys]}](#{array.name}-of-{_anchor(arrays_listed[keys])})."]
                continue
            arrays_listed[keys] = f"matinee {command.name}"
            lines += [f"{array.sentence} In the file only, at most {array.most} of them."]
            lines += ["What a table leaves out is as the flags above say.", ""]
            names = [f"`{row.name.replace('_', '-')}`" for row in table(array.row_class)]
            lines += rows(
                ("Key", "Kind", "Meaning"), [(name, *key[1::2]) for name, key in zip(names, keys, strict=True)]
            )
    return "\n".join(lines) + "\n"


def _settings_table(made: Sequence[SettingRow]) -> list[str]:
    return rows(("Flag", "Kind", "Default", "Meaning"), made)


def _references(made: Sequence[SettingRow], listed: Mapping[SettingRow, str]) -> list[str]:
    """One paragraph per section that lists some of these rows."""
    lines: list[str] = []
    for heading in dict.fromkeys(listed[row] for row in made):
        link = f"[{heading}](#{_anchor(heading)})"
        flags = ", ".join(row[0] for row in made if listed[row] == heading)
        whole = heading.startswith("matinee ")
        lines += ["", f"Besides these, every setting of {link}." if whole else f"From {link}: {flags}."]
    return lines


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def counters_page(counters: Mapping[str, Sequence[Any]], fields: Mapping[str, Sequence[Any]]) -> str:
    """docs/counters.md: one table of counters per program, one of log fields."""
    lines = [MADE, "# Counters and log fields", "", "`GET /metrics` serves the counters in the Prometheus text format."]
    for name, group in counters.items():
        lines += ["", f"## {name.split('.')[0]}: counters ({name})", ""]
        made = [(f"`{c.name}`", c.kind, ", ".join(c.labels) or "–", c.sentence) for c in group]
        lines += rows(("Name", "Kind", "Labels", "Meaning"), made)
    for name, group in fields.items():
        lines += ["", f"## {name.split('.')[0]}: fields of a log line ({name})", ""]
        lines += rows(("Field", "Meaning"), [(f"`{field.name}`", field.sentence) for field in group])
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """docs/errors.md: the exceptions between layers, and the refusals with their statuses."""
    lines = [
        MADE,
        "# Errors and refusals",
        "",
        "Every HTTP error response is `application/problem+json` (RFC 9457) with a `reason` word.",
    ]
    lines += ["", "## Exceptions between layers", ""]
    classes = errors.MatineeError.__subclasses__()
    ours = sorted((c for c in classes if c.__module__ == errors.__name__), key=lambda c: c.__name__)
    lines += rows(("Error", "Meaning"), [(f"`{c.__name__}`", first_sentence(c.__doc__)) for c in ours])
    lines += _status_table("Why a viewer's request is refused", vocabulary.REFUSAL_STATUS, vocabulary.REFUSAL_SENTENCES)
    lines += _word_table("Why a viewer's connection is cut", vocabulary.ABORT_SENTENCES)
    not_stored = "Why a response is not marked `stored` (`detail` of Cache-Status)"
    lines += _word_table(not_stored, vocabulary.NOT_STORED_SENTENCES)
    lines += _fetch_tables()
    lines += _status_table(
        "Why the object store failed", store_faults.STORE_FAULT_STATUS, store_faults.STORE_FAULT_SENTENCES
    )
    lines += ["", "## Why a program is overloaded (503)", ""]
    overloads = vocabulary.OVERLOAD_SENTENCES.items()
    made = [(f"`{why}`", str(vocabulary.OVERLOAD_RETRY_SECONDS[why]), sentence) for why, sentence in overloads]
    lines += rows(("Reason", "Retry-After (s)", "Meaning"), made)
    lines += _status_table(
        "Why an operators' or services' request is refused",
        vocabulary.DOOR_REFUSAL_STATUS,
        vocabulary.DOOR_REFUSAL_SENTENCES,
    )
    lines += _word_table("What made a list of recommendations", SOURCE_SENTENCES)
    lines += _word_table("Why a row of recommendations is shown", REASON_SENTENCES)
    return "\n".join(lines) + "\n"


def _status_table(heading: str, statuses: Mapping[Any, int], sentences: Mapping[Any, str]) -> list[str]:
    made = [(f"`{reason}`", str(status), sentences[reason]) for reason, status in statuses.items()]
    return ["", f"## {heading}", "", *rows(("Reason", "Status", "Meaning"), made)]


def _fetch_tables() -> list[str]:
    """The tables of `kernel.fetch_reasons`."""
    lines = _status_table(
        "Why a fetch from an upstream failed", fetch_reasons.UPSTREAM_STATUS, fetch_reasons.UPSTREAM_SENTENCES
    )
    tables: dict[str, Mapping[Any, str]] = {
        "How a fetch ended that did not fail": fetch_reasons.FILL_END_SENTENCES,
        "Why a reader is released from a fill": fetch_reasons.RELEASE_SENTENCES,
        "Why a response is not stored": fetch_reasons.NOT_STORABLE_SENTENCES,
        "How a prefetch ended, or why it was not started": fetch_reasons.PREFETCH_END_SENTENCES,
    }
    for heading, sentences in tables.items():
        lines += _word_table(heading, sentences)
    return lines


def _word_table(heading: str, sentences: Mapping[Any, str]) -> list[str]:
    made = [(f"`{word}`", sentence) for word, sentence in sentences.items()]
    return ["", f"## {heading}", "", *rows(("Word", "Meaning"), made)]


def fills_page() -> str:
    """docs/fills.md: the states of a fill, drawn from the table the code runs on."""
    lines = [
        MADE,
        "# The states of a fill",
        "",
        "A fill is one upstream fetch that serves every request for the object while it runs. Its states, events and",
        "transitions are one table, `cache/fills/fill_state.py`; this diagram is drawn from that table.",
        "",
        *_drawn(fill_state.diagram(), fill_state.__doc__),
        "",
        "## The states of a response that waits",
        "",
        "Each viewer who cannot be answered at once has one; several may follow one fill. The table is",
        "`edge/serve/response_state.py`.",
        "",
        *_drawn(response_state.diagram(), response_state.__doc__),
    ]
    return "\n".join(lines) + "\n"


def jobs_page() -> str:
    """docs/job-states.md: the states of ingest and its words, from the tables the code runs on."""
    lines = [
        MADE,
        "# The states of ingest jobs",
        "",
        "Titles, jobs and steps move by the tables of `origin/jobs/job_states.py`; the diagrams are drawn from them.",
        "",
        "```",
        textwrap.dedent((job_states.__doc__ or "").split("\n\n", 1)[1]).rstrip(),
        "```",
    ]
    diagrams = (
        ("A title", job_states.diagram(job_states.CONTENT_TRANSITIONS)),
        ("A job", job_states.diagram(job_states.JOB_TRANSITIONS, job_states.ENDED_JOBS)),
        ("A step", job_states.diagram(job_states.STEP_TRANSITIONS, job_states.ENDED_STEPS)),
    )
    for heading, diagram in diagrams:
        lines += ["", f"## {heading}", "", "```mermaid", diagram, "```"]
    tables: dict[str, Mapping[Any, str]] = {
        "What each step does": job_graph.STEP_SENTENCES,
        "Why a step or a job failed": retry_policy.FAILURE_SENTENCES,
        "Alerts": alerts.ALERT_SENTENCES,
    }
    for heading, sentences in tables.items():
        lines += ["", f"## {heading}", ""]
        lines += rows(("Word", "Meaning"), [(f"`{word}`", sentence) for word, sentence in sentences.items()])
    return "\n".join(lines) + "\n"


def _drawn(diagram: str, docstring: str | None) -> list[str]:
    """A table of states: its diagram, and what its module's docstring says of each state."""
    words = textwrap.dedent((docstring or "").split("\n\n", 1)[1]).rstrip()
    return ["```mermaid", diagram, "```", "", "```", words, "```"]


def first_sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((docstring or "").split("\n\n")[0].split())


def pages(missing: list[str]) -> dict[Path, str]:
    """Every generated page by its path; modules that cannot be imported are added to `missing` and left out."""
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
        folder / "job-states.md": jobs_page(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; returns 1 if a check fails."""
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
