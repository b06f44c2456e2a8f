"""The `matinee` command: a table of subcommands, each imported only when it runs.

A command's module has `SETTINGS` (a settings dataclass) and `run(settings, **positional) -> int`. A module that holds
several commands is listed as `module:NAME`, where NAME has `SETTINGS` and `run`.

Over 300 lines because the table of all commands is one table.
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
from system.process_exit import leave

VERSION = "0.1.0"

_FROM_ORCHESTRATORS = re.compile(r"_(?:PORT|SERVICE_HOST|SERVICE_PORT)(?:_|$)")
"""Kubernetes sets variables such as MATINEE_EDGE_SERVICE_HOST in every container; they are not settings."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `summary` is its line in the help; `positional` names its positional arguments."""

    name: str
    module: str
    summary: str
    positional: tuple[str, ...] = ()


COMMANDS = (
    Command("up", "tools.up.command", "Run the whole platform on this machine with a sample film."),
    Command("edge", "edge.__main__", "Run an edge: serve viewers from the cache."),
    Command(
        "edge reload",
        "tools.edge_reload",
        "Have a running edge or shield read its rules, keys, settings, certificate and logs again.",
    ),
    Command("shield", "edge.shield", "Run a shield: a cache between the edges and the origin."),
    Command(
        "origin verify",
        "origin.verify.command",
        "Check a published title: every file, playlist and segment.",
        ("content",),
    ),
    Command("origin jobs", "origin.jobs.jobs_command", "Show the ingest jobs of an origin; cancel or retry one."),
    Command(
        "origin unpublish",
        "origin.jobs.unpublish_command",
        "Take a title down, or put it back: its files and its master stay.",
        ("content",),
    ),
    Command(
        "origin worker", "origin.jobs.work.worker_command", "Encode for the ingest jobs of an origin on another host."
    ),
    Command("origin", "origin.__main__", "Run the origin: serve the library of packaged titles."),
    Command(
        "origin scrub",
        "origin.upkeep.commands:SCRUB",
        "Read and verify every copy of every object, and repair damaged ones from a good copy.",
    ),
    Command(
        "origin gc",
        "origin.upkeep.commands:GC",
        "Delete what no publication names, superseded publications and expired masters.",
    ),
    Command(
        "origin rewrap",
        "origin.upkeep.commands:REWRAP",
        "Seal the keys of an encrypted store under the newest master key; no object is rewritten.",
    ),
    Command("control", "control.__main__", "Run the control plane: push licences, keys and settings to the fleet."),
    Command("services", "services.__main__", "Run the catalogue, playback, search, recommendations and the gateway."),
    Command("ingest", "origin.ingest.command", "Encode, package and publish a film.", ("file",)),
    Command(
        "catalogue import",
        "services.catalogue.import_command",
        "Import titles from a file into the catalogue.",
        ("file",),
    ),
    Command(
        "catalogue export",
        "services.catalogue.export_command",
        "Write all titles of the catalogue to a file that `catalogue import` reads.",
        ("file",),
    ),
    Command(
        "catalogue licence",
        "services.catalogue.licence_command",
        "Set the countries where a title may be watched.",
        ("content",),
    ),
    Command("events import", "services.recommend.import_command", "Import viewing events from a CSV file.", ("file",)),
    Command(
        "analytics qoe",
        "tools.analytics.reports:QOE",
        "Show the quality of experience by title, region, edge or player.",
    ),
    Command("analytics live", "tools.analytics.reports:LIVE", "Show the quality of experience of the last seconds."),
    Command(
        "analytics dropoff",
        "tools.analytics.reports:DROPOFF",
        "Show how many viewers still watched at each minute of a title.",
        ("content",),
    ),
    Command(
        "analytics views",
        "tools.analytics.reports:VIEWS",
        "Show each title's views by players and by edges, side by side.",
    ),
    Command("analytics early", "tools.analytics.reports:EARLY", "Show the titles that many viewers leave early."),
    Command(
        "analytics compact",
        "services.compact_command",
        "Write the event log to the lake, where no process of the services does it.",
    ),
    Command(
        "analytics consume",
        "services.consume_command",
        "Write the events of a Kafka topic to the lake, until stopped.",
    ),
    Command("recommend train", "services.training.train_command", "Train the recommendation model now."),
    Command(
        "recommend versions",
        "services.training.versions:VERSIONS",
        "List the trained models and their metrics.",
    ),
    Command(
        "recommend export",
        "services.training.train_command:EXPORT",
        "Write what viewers watched as Parquet, for a training on Spark.",
        ("folder",),
    ),
    Command("recommend use", "services.training.versions:USE", "Go back to an earlier trained model.", ("version",)),
    Command("recommend experiment list", "tools.recommend.experiments:LIST", "List the experiments."),
    Command(
        "recommend experiment define",
        "tools.recommend.experiments:DEFINE",
        "Define an experiment from a JSON file, as a draft.",
        ("experiment", "file"),
    ),
    Command("recommend experiment start", "tools.recommend.experiments:START", "Start an experiment.", ("experiment",)),
    Command(
        "recommend experiment stop", "tools.recommend.experiments:STOP", "Stop an experiment for good.", ("experiment",)
    ),
    Command(
        "recommend experiment delete",
        "tools.recommend.experiments:DELETE",
        "Delete an experiment that does not run, with its exposures.",
        ("experiment",),
    ),
    Command(
        "recommend experiment report",
        "tools.recommend.experiments:REPORT",
        "Show what an experiment has come to, with intervals that may be looked at at any time.",
        ("experiment",),
    ),
    Command(
        "recommend experiment simulate",
        "tools.recommend.experiments:SIMULATE",
        "Simulate A/A experiments with daily looks, and count those called different.",
    ),
    Command(
        "recommend overview",
        "tools.recommend.lists:OVERVIEW",
        "Show coverage, concentration, cold titles and fallbacks of lists by country.",
    ),
    Command(
        "recommend off-policy",
        "tools.recommend.lists:OFF_POLICY",
        "Estimate what other policies would earn, by the titles that were drawn at random.",
    ),
    Command(
        "recommend early-exits", "tools.recommend.lists:EARLY_EXITS", "Show the titles that many viewers leave early."
    ),
    Command("token mint", "tools.token.mint", "Mint a viewer's token for a title."),
    Command(
        "token keygen", "tools.token.keygen", "Generate a signing key and the key set that edges verify tokens with."
    ),
    Command("fleet enrol", "tools.fleet.enrol", "Create a one-time enrolment token for a new node."),
    Command("fleet list", "tools.fleet.nodes:LIST", "List the nodes of the fleet and their state."),
    Command("fleet show", "tools.fleet.nodes:SHOW", "Show the details of one node.", ("node",)),
    Command("fleet top", "tools.fleet.nodes:TOP", "Show the fleet live, busiest nodes first."),
    Command("fleet drain", "tools.fleet.nodes:DRAIN", "Stop sending viewers to a node.", ("node",)),
    Command("fleet release", "tools.fleet.nodes:RELEASE", "Release a node from quarantine.", ("node",)),
    Command(
        "fleet new-epoch",
        "tools.fleet.nodes:NEW_EPOCH",
        "Start a new epoch after restoring control's database: nodes reload their state and empty their caches.",
    ),
    Command("fleet undrain", "tools.fleet.nodes:UNDRAIN", "Resume sending viewers to a node.", ("node",)),
    Command(
        "fleet push",
        "tools.fleet.settings:PUSH",
        "Roll out settings, canaries first; roll back if they do harm.",
        ("file",),
    ),
    Command("fleet rollout", "tools.fleet.settings:ROLLOUT", "Show, hold, resume or roll back the current rollout."),
    Command("fleet purge", "tools.fleet.jobs:PURGE", "Purge objects from every shield and edge and show the receipts."),
    Command("fleet prefetch", "tools.fleet.jobs:PREFETCH", "Prefetch objects into every edge and show the receipts."),
    Command("fleet job", "tools.fleet.jobs:JOB", "Show the status and receipts of a purge or prefetch.", ("number",)),
    Command("fleet hot", "tools.fleet.inspect:HOT", "Show hot titles by region, and the most popular ones."),
    Command(
        "fleet route",
        "tools.fleet.inspect:ROUTE",
        "Show the edges that control would choose for a session.",
        ("content",),
    ),
    Command("fleet why", "tools.fleet.inspect:WHY", "Explain how each node would answer a URL.", ("url",)),
    Command("fleet diff", "tools.fleet.history:DIFF", "Show the changes between two revisions."),
    Command("fleet rollback", "tools.fleet.history:ROLLBACK", "Roll back a revision.", ("revision",)),
    Command("fleet audit", "tools.fleet.history:AUDIT", "Show or verify the audit log."),
    Command("fleet keys", "tools.fleet.keys:KEYS", "List the API keys and their roles."),
    Command("fleet key make", "tools.fleet.keys:MAKE", "Create an API key and print it once.", ("name",)),
    Command("fleet key revoke", "tools.fleet.keys:REVOKE", "Revoke an API key.", ("key",)),
    Command("fleet signing-keys", "tools.fleet.keys:SIGNING_KEYS", "List the public keys that tokens verify with."),
    Command(
        "fleet signing-key withdraw",
        "tools.fleet.keys:WITHDRAW",
        "Withdraw a public key: tokens that it signed stop verifying at once.",
        ("kid",),
    ),
    Command("replay", "tools.replay.command", "Replay a request trace through the cache policy.", ("trace",)),
    Command("loadtest", "loadtest.command", "Play a story of many viewers and judge what they saw.", ("story",)),
    Command("plan", "loadtest.planner.command", "Plan a platform for so many streams from measured figures."),
    Command("outage", "tools.up.outage", "Kill a program of `matinee up` and keep it down.", ("program",)),
    Command("doctor", "tools.doctor", "Check this machine and a running platform for problems."),
)


def load(name: str) -> Any:
    """Import the object with a command's `SETTINGS` and `run`, by its name in the table."""
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
    named = [entry for entry in COMMANDS if list(argv[: len(entry.name.split())]) == entry.name.split()]
    entry = max(named, key=lambda one: len(one.name), default=None)  # `origin scrub` rather than `origin`
    return (entry, argv[len(entry.name.split()) :]) if entry else None


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
        return 130  # the exit code that shells use for Ctrl-C


def _unknown(argv: Sequence[str]) -> int:
    """Print the available commands, or only those that begin with the same word (`matinee token`)."""
    kin = [entry for entry in COMMANDS if entry.name.startswith(f"{argv[0]} ")]
    asked = len(argv) > 1 and argv[1] in ("-h", "--help")
    if kin and asked:
        print(usage(kin))
        return 0
    print(
        f"matinee: unknown command `{' '.join(argv[: 2 if kin else 1])}`\n\n{usage(kin or COMMANDS)}",
        file=sys.stderr,
    )
    return 2


def strange_variables(env: Mapping[str, str], own: Sequence[Setting]) -> list[str]:
    """The `MATINEE_…` variables that no command reads, except those that orchestrators set."""
    strange = [name for name in unknown_variables(env, own) if not _FROM_ORCHESTRATORS.search(name)]
    for entry in COMMANDS if strange else ():  # importing every command is slow: only when something is unknown
        rows = table(load(entry.module).SETTINGS)
        strange = [name for name in strange if name in unknown_variables(env, rows)]
    return strange


def _run(entry: Command, rest: Sequence[str]) -> int:
    module = load(entry.module)
    strange = strange_variables(os.environ, table(module.SETTINGS))
    if strange:
        error = BadSettings(strange[0], "unknown setting", f"variable {strange[0]}")
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
    os.umask(PRIVATE)  # files that any command writes (films, databases, keys, logs) are private to the user
    leave(main())
