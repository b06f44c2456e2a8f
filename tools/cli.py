"""The `matinee` command: one table of commands; a command's module is imported when it is called.

A command's module has `SETTINGS` (a settings dataclass) and `run(settings, **positional) -> int`. Commands of two
words (`token mint`) stand in the table with both. A module of several commands names each `module:NAME`, something in
it that has `SETTINGS` and `run`.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpd.process import PRIVATE
from kernel.errors import BadSettings
from kernel.settings.command_line import command
from kernel.settings.table import Setting, table, unknown_variables

VERSION = "0.1.0"

_FROM_ORCHESTRATORS = re.compile(r"_(?:PORT|SERVICE_HOST|SERVICE_PORT)(?:_|$)")
"""Kubernetes tells every container of every service by variables such as MATINEE_EDGE_SERVICE_HOST."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: where it lives, what it takes, what it does in one sentence."""

    name: str
    module: str
    summary: str
    positional: tuple[str, ...] = ()


COMMANDS = (
    Command("up", "tools.up.command", "Run the whole platform on this machine, with a film in it."),
    Command("edge", "edge.__main__", "Run an edge: answers viewers from the segment cache."),
    Command("shield", "edge.shield", "Run a shield: the edge program before the origin, asked by edges only."),
    Command("origin", "origin.__main__", "Run the origin: serves the library of packaged titles."),
    Command("control", "control.__main__", "Run the control plane: titles, keys and edges, pushed as they change."),
    Command("services", "services.__main__", "Run catalogue, playback, search, recommendations and the gateway."),
    Command("ingest", "origin.ingest.command", "Take a film through encode, package and publish.", ("file",)),
    Command("catalogue import", "services.catalogue.import_command", "Fill the catalogue from a file.", ("file",)),
    Command(
        "catalogue licence", "services.catalogue.licence_command", "Say where a title may be watched.", ("content",)
    ),
    Command(
        "events import", "services.recommend.import_command", "Fill the feedback store from a CSV file.", ("file",)
    ),
    Command("recommend train", "services.recommend.train_command", "Refit the recommendations now."),
    Command("token mint", "tools.token.mint", "Make a viewer's token for a title."),
    Command("token keygen", "tools.token.keygen", "Make a signing key and the key set that edges verify with."),
    Command("fleet enrol", "tools.fleet.enrol", "Make a one-time token that a new node joins the fleet with."),
    Command("fleet list", "tools.fleet.nodes:LIST", "Show every node of the fleet and how it is."),
    Command("fleet show", "tools.fleet.nodes:SHOW", "Show all that is known of one node.", ("node",)),
    Command("fleet top", "tools.fleet.nodes:TOP", "A live screen of the fleet, busiest nodes first."),
    Command("fleet drain", "tools.fleet.nodes:DRAIN", "Send no viewers to a node any more.", ("node",)),
    Command("fleet release", "tools.fleet.nodes:RELEASE", "Take a node out of quarantine.", ("node",)),
    Command(
        "fleet new-epoch",
        "tools.fleet.nodes:NEW_EPOCH",
        "After control's database was put back from a copy: all nodes take snapshots, drop what they have cached.",
    ),
    Command("fleet undrain", "tools.fleet.nodes:UNDRAIN", "Send viewers to a node again.", ("node",)),
    Command("fleet push", "tools.fleet.settings:PUSH", "Roll out settings: canaries first, back on harm.", ("file",)),
    Command("fleet rollout", "tools.fleet.settings:ROLLOUT", "Show, hold, or take back settings on their way."),
    Command("fleet purge", "tools.fleet.jobs:PURGE", "Purge at every shield and edge, with receipts."),
    Command("fleet prefetch", "tools.fleet.jobs:PREFETCH", "Bring objects to every edge, with receipts."),
    Command("fleet job", "tools.fleet.jobs:JOB", "Show a purge or prefetch and its receipts.", ("number",)),
    Command("fleet hot", "tools.fleet.inspect:HOT", "Show what is hot where, and what is popular."),
    Command("fleet route", "tools.fleet.inspect:ROUTE", "Show which edges a session would be sent to.", ("content",)),
    Command("fleet why", "tools.fleet.inspect:WHY", "Show what every node would do with a URL, and why.", ("url",)),
    Command("fleet diff", "tools.fleet.history:DIFF", "Show what changed between two revisions."),
    Command("fleet rollback", "tools.fleet.history:ROLLBACK", "Take a revision back.", ("revision",)),
    Command("fleet audit", "tools.fleet.history:AUDIT", "Show who did what, and whether the log holds."),
    Command("fleet keys", "tools.fleet.keys:KEYS", "Show the API keys and what they may do."),
    Command("fleet key make", "tools.fleet.keys:MAKE", "Make an API key, printed this once.", ("name",)),
    Command("fleet key revoke", "tools.fleet.keys:REVOKE", "Make an API key open nothing any more.", ("key",)),
    Command("replay", "tools.replay.command", "Run the cache policy over a trace of requests.", ("trace",)),
    Command("doctor", "tools.doctor", "Look over this machine and a running platform, and say what is wrong."),
)


def load(name: str) -> Any:
    """What has a command's `SETTINGS` and `run`, by the name in the table."""
    module, _, part = name.partition(":")
    found = importlib.import_module(module)
    return getattr(found, part) if part else found


def usage(commands: Sequence[Command] = COMMANDS) -> str:
    """The text of `matinee --help`."""
    width = max(len(entry.name) for entry in commands) + 2
    lines = [f"  {entry.name:<{width}}{entry.summary}" for entry in commands]
    tail = "\n`matinee COMMAND --help` shows a command's settings; docs/settings.md has them all."
    return (
        "usage: matinee COMMAND [settings]\n\nA self-hosted video-on-demand platform.\n\n"
        + "\n".join(lines)
        + "\n"
        + tail
    )


def find(argv: Sequence[str]) -> tuple[Command, Sequence[str]] | None:
    """The command that argv names, and the rest of argv."""
    for entry in COMMANDS:
        words = entry.name.split()
        if list(argv[: len(words)]) == words:
            return entry, argv[len(words) :]
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Run `matinee`; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] in ("-V", "--version"):
        print(f"matinee {VERSION}")
        return 0
    found = find(argv)
    if found is None:
        return _unknown(argv)
    entry, rest = found
    try:
        return _run(entry, rest)
    except KeyboardInterrupt:
        return 130  # what shells say of a program ended by Ctrl-C


def _unknown(argv: Sequence[str]) -> int:
    """Say which commands there are; those of the first word alone where it has some (`matinee token`)."""
    kin = [entry for entry in COMMANDS if entry.name.startswith(f"{argv[0]} ")]
    asked = len(argv) > 1 and argv[1] in ("-h", "--help")
    if kin and asked:
        print(usage(kin))
        return 0
    print(
        f"matinee: there is no command `{' '.join(argv[: 2 if kin else 1])}`\n\n{usage(kin or COMMANDS)}",
        file=sys.stderr,
    )
    return 2


def strange_variables(env: Mapping[str, str], own: Sequence[Setting]) -> list[str]:
    """The `MATINEE_…` variables that no command reads, whichever runs; those that orchestrators set are passed over."""
    strange = [name for name in unknown_variables(env, own) if not _FROM_ORCHESTRATORS.search(name)]
    for entry in COMMANDS if strange else ():  # only now are the others' tables worth their import
        rows = table(load(entry.module).SETTINGS)
        strange = [name for name in strange if name in unknown_variables(env, rows)]
    return strange


def _run(entry: Command, rest: Sequence[str]) -> int:
    module = load(entry.module)
    strange = strange_variables(os.environ, table(module.SETTINGS))
    if strange:
        error = BadSettings(strange[0], "there is no such setting", f"variable {strange[0]}")
        print(f"matinee {entry.name}: {error}", file=sys.stderr)
        return 2
    return command(
        module.SETTINGS,
        module.run,
        rest,
        prog=f"matinee {entry.name}",
        summary=entry.summary,
        env=os.environ,
        read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
        positional=entry.positional,
    )


if __name__ == "__main__":
    os.umask(PRIVATE)  # of the process: what any command writes (films, databases, keys, logs) is its user's alone
    sys.exit(main())
