"""What is done to the platform, and when."""

import asyncio
import sys

import pytest

from kernel.errors import BadSettings
from loadtest.runs.actions import ActionRunner, schedule, words_of
from loadtest.stories.reader import read_story

SLEEPER = f"{sys.executable} -c 'import time; time.sleep(600)'"


def story(text):
    return read_story('name = "n"\nsummary = "s"\nplayers = 1\nseconds = 60\n' + text, "mine.toml")


def touch(path):
    return f"{sys.executable} -c 'import pathlib, sys; pathlib.Path(sys.argv[1]).touch()' {path}"


async def ran(text, seconds=0.2, words=None, until=None):
    runner = ActionRunner(story(text), seconds, lambda: words or {})
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(runner.run())
        while until is not None and not until(runner):
            await asyncio.sleep(0.01)
        if until is not None:
            task.cancel()
    return runner


def test_commands_are_in_order_of_their_moments():
    found = story("""
[actions.late]
at = "50%"
start = "a"
until = "100%"
repeat = 2
[actions.early]
at = 1
start = "b"
stop = "c"
""")
    shown = [(due.at_s, due.name, due.starts) for due in schedule(found, 100)]
    assert shown == [
        (1, "early", True),
        (50, "late", True),
        (75, "late", True),
        (100, "late", False),
        (100, "early", False),
    ]


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("{matinee} outage {edge}", ["py", "-m", "cli", "outage", "e1"]),
        ("curl http://{edge}/x 'two words'", ["curl", "http://e1/x", "two words"]),
        ("echo '{edge}; rm -rf /'", ["echo", "e1; rm -rf /"]),
        ("true", ["true"]),
    ],
)
def test_words_in_braces_are_replaced_without_a_shell(command, argv):
    assert words_of(command, {"matinee": ("py", "-m", "cli"), "edge": ("e1",)}) == argv


@pytest.mark.parametrize("command", ["kill {pid}", "kill {}", "kill {"])
def test_a_word_that_nothing_stands_for_is_refused(command):
    with pytest.raises(BadSettings, match="nothing is known for"):
        words_of(command, {"edge": ("e1",)})


async def test_start_and_stop_are_run_with_the_same_words(tmp_path):
    asked = []

    def words():
        asked.append(len(asked))
        return {"edge": (f"edge{len(asked)}",)}

    down, up = touch(tmp_path / "down-{edge}"), touch(tmp_path / "up-{edge}")
    text = f'[actions.a]\nat = "1%"\nuntil = "50%"\nstart = "{down}"\nstop = "{up}"\n'
    runner = ActionRunner(story(text), 0.2, words)
    await runner.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["down-edge1", "up-edge1"]
    assert [done.error for done in runner.done] == ["", ""]
    assert [row["name"] for row in runner.as_plain()] == ["a", "a"]


async def test_a_failure_is_kept_with_what_was_printed():
    runner = await ran("[actions.a]\nat = 0\nstart = \"sh -c 'echo no such edge >&2; exit 3'\"\n")
    assert runner.done[0].error == "exit code 3: no such edge"


async def test_a_command_that_is_not_there_is_a_failure():
    runner = await ran('[actions.a]\nat = 0\nstart = "no-such-program-here"\n')
    assert "no-such-program-here" in runner.done[0].error


async def test_what_may_fail_is_no_failure():
    runner = await ran('[actions.a]\nat = 0\nstart = "false"\nmay_fail = true\n')
    assert runner.done[0].error == ""


async def test_a_command_that_goes_on_is_ended_at_its_stop():
    runner = await ran(f'[actions.flood]\nat = 0\nuntil = "50%"\nstart = "{SLEEPER}"\n')
    assert runner.done[0].error == ""
    assert runner.done[0].ended_seconds is not None


async def test_one_that_ends_in_failure_when_it_is_ended_has_failed():
    watchful = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); time.sleep(600)"
    runner = await ran(f'[actions.flood]\nat = 0\nuntil = "90%"\nstart = "{sys.executable} -c \'{watchful}\'"\n', 2.0)
    assert runner.done[0].error in ("exit code 5: ", ""), "empty: it was ended before it had begun to watch"
    assert runner.done[0].ended_seconds is not None


async def test_a_run_that_is_cut_short_still_ends_what_was_started(tmp_path):
    text = f'[actions.a]\nat = 0\nuntil = 50\nstart = "true"\nstop = "{touch(tmp_path / "up")}"\n'
    await ran(text, seconds=60, until=lambda runner: runner.done and runner.done[0].ended_seconds is not None)
    assert (tmp_path / "up").exists()


async def test_nothing_is_stopped_that_was_not_started(tmp_path):
    text = f'[actions.a]\nat = 40\nuntil = 50\nstart = "true"\nstop = "{touch(tmp_path / "up")}"\n'
    await ran(text, seconds=60, until=lambda runner: True)
    assert not (tmp_path / "up").exists()
