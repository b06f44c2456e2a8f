"""`locust -f loadtest/locustfile.py --host URL`: viewers of a playlist, or of a gateway's titles."""

import sys
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.runners import MasterRunner, WorkerRunner

# Locust starts this file by its path, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kernel.errors import BadSettings
from loadtest.drivers.locust_options import Audience, add_arguments, options_of
from loadtest.drivers.locust_report import KEY, LocustReport
from loadtest.drivers.locust_user import PlayerUser

events.init_command_line_parser.add_listener(add_arguments)  # type: ignore[no-untyped-call]


class Viewers(PlayerUser):
    """The user that Locust spawns."""


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Any, **_: object) -> None:
    """Find the titles once, before the first user; a master plays nothing."""
    parsed = environment.parsed_options
    Viewers.report = LocustReport(parsed.run_time, parsed.speed)
    if isinstance(environment.runner, MasterRunner):
        return
    process = environment.runner.worker_index if isinstance(environment.runner, WorkerRunner) else 0
    try:
        Viewers.audience = Audience(options_of(parsed, environment.host or ""), process)
    except BadSettings as error:
        print(f"error: {error}", file=sys.stderr)
        environment.process_exit_code = 2
        # Once the start that this event is part of has gone through.
        gevent.spawn(environment.runner.quit)


@events.report_to_master.add_listener  # type: ignore[untyped-decorator]
def send_sessions(data: dict[str, Any], **_: object) -> None:
    """A worker adds what it has counted to what Locust sends every few seconds."""
    if Viewers.report:
        data[KEY] = Viewers.report.hand_over()


@events.worker_report.add_listener  # type: ignore[untyped-decorator]
def add_sessions(client_id: str, data: dict[str, Any], **_: object) -> None:
    """The master adds it up."""
    if Viewers.report and KEY in data:
        Viewers.report.add(client_id, data[KEY])


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def write_report(environment: Any, **_: object) -> None:
    """The master, or Locust alone, writes the report when it ends."""
    if Viewers.report and not isinstance(environment.runner, WorkerRunner):
        Viewers.report.write(environment)
