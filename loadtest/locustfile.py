"""`locust -f loadtest/locustfile.py --host URL`: viewers of a playlist, or of a gateway's titles."""

import sys
from pathlib import Path
from typing import Any

from locust import events
from locust.runners import MasterRunner, WorkerRunner

# Locust starts this file by its path, from any folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kernel.errors import BadSettings
from loadtest.drivers.locust_options import Audience, add_arguments, options_of
from loadtest.drivers.locust_user import PlayerUser

events.init_command_line_parser.add_listener(add_arguments)  # type: ignore[no-untyped-call]


class Viewers(PlayerUser):
    """The user that Locust spawns."""


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Any, **_: object) -> None:
    """Find the titles once, before the first user; a master plays nothing."""
    if isinstance(environment.runner, MasterRunner):
        return
    process = environment.runner.worker_index if isinstance(environment.runner, WorkerRunner) else 0
    try:
        options = options_of(environment.parsed_options, environment.host or "")
        Viewers.audience = Audience(options, process)
    except BadSettings as error:
        print(f"error: {error}", file=sys.stderr)
        environment.process_exit_code = 2
        environment.runner.quit()
