"""Console output of `matinee up`."""

from __future__ import annotations

import contextlib
import io
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from tools.up.plan import Choices, parts

_PLAIN_WIDTH = 110


def say(text: str) -> None:
    """Print a line and flush; a closed terminal or pipe does not stop the platform."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def addresses(choices: Choices, content_id: str, title: str) -> str:
    """The tables of addresses and log-ins as text, coloured on a terminal."""
    rows = Table(box=box.SIMPLE_HEAVY, title="Matinee", title_justify="left")
    for heading in ("Service", "Address", "Purpose"):
        rows.add_column(heading, no_wrap=True)
    places = choices.places
    rows.add_row("page", f"{places.page}/", f"watch films here; try {title}")
    for part in parts(choices):
        for number, (host, port) in enumerate(part.listens):
            scheme = "" if part.name == "control" and number != 1 else "http://"
            does = (part.does, "health and metrics", "node enrolment")[number]
            rows.add_row(part.name if number == 0 else "", f"{scheme}{host}:{port}", does)
    logins = Table(box=None, show_header=False, title="Log-ins and files", title_justify="left")
    logins.add_row("API key", f"in {choices.api_key}; not needed on this machine (--insecure-dev)")
    logins.add_row("Viewers", f"need no log-in; local viewers are in {choices.default_country}")
    logins.add_row("A film", f"curl '{places.page}/playback/start?contentId={content_id}'")
    logins.add_row("Logs", str(choices.state / "logs"))
    shown = io.StringIO()
    colour = sys.stdout.isatty()
    console = Console(file=shown, force_terminal=colour, width=None if colour else _PLAIN_WIDTH, soft_wrap=True)
    console.print(rows, logins)
    return shown.getvalue().rstrip("\n")
