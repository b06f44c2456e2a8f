"""Console output of `matinee up`."""

from __future__ import annotations

import contextlib
import io
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from tools.up.plan import Plan, all_programs

_PLAIN_WIDTH = 110


def say(text: str) -> None:
    """Print a line and flush; a closed terminal or pipe does not stop the platform."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def address_tables(plan: Plan, content_id: str, title: str) -> str:
    """Tables of the addresses and log-ins as text, coloured on a terminal."""
    rows = Table(box=box.SIMPLE_HEAVY, title="Matinee", title_justify="left")
    for heading in ("Service", "Address", "Purpose"):
        rows.add_column(heading, no_wrap=True)
    addresses = plan.addresses
    rows.add_row("page", f"{addresses.page}/", f"watch {title} here")
    for program in all_programs(plan):
        for number, (host, port) in enumerate(program.listens):
            scheme = "" if program.name == "control" and number != 1 else "http://"
            purpose = (program.purpose, "health and metrics", "enrolment of nodes")[number]
            rows.add_row(program.name if number == 0 else "", f"{scheme}{host}:{port}", purpose)
    logins = Table(box=None, show_header=False, title="Log-ins and files", title_justify="left")
    logins.add_row("API key", f"{plan.api_key} (not required on this machine)")
    logins.add_row("Viewers", f"no log-in required; local viewers count as viewers in {plan.default_country}")
    logins.add_row("Play a title", f"curl '{addresses.page}/playback/start?contentId={content_id}'")
    logins.add_row("Logs", str(plan.state / "logs"))
    shown = io.StringIO()
    colour = sys.stdout.isatty()
    console = Console(file=shown, force_terminal=colour, width=None if colour else _PLAIN_WIDTH, soft_wrap=True)
    console.print(rows, logins)
    return shown.getvalue().rstrip("\n")
