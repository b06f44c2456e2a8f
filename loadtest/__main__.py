"""`python -m loadtest STORY --target URL …` plays a story; `… --compare A.json B.json` compares two runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kernel.settings.command_line import command
from loadtest.command import LoadtestSettings


def main(argv: Sequence[str]) -> int:
    """The exit code: 0 fine, 1 an expectation did not hold or the run failed, 2 wrong usage."""
    if argv[:1] == ["--compare"]:
        from loadtest.reports.compare import compare_files

        return compare_files(argv[1:])
    from loadtest.runs.play import play

    return command(
        LoadtestSettings,
        play,
        argv,
        prog="matinee loadtest",
        summary="Play a story against a target, and judge what its viewers saw.",
        env=os.environ,
        read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
        positional=("story",),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
