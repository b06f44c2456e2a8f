"""What an ingest shows."""

import io

from origin.ingest.progress import Silent, show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def tell(progress):
    progress.start_step("encode", 10.0)
    for done in range(11):
        progress.advance(done)
    progress.finish_step("2 renditions")
    progress.start_step("verify", 0)
    progress.advance(5)
    progress.finish_step("fine")


def test_lines_where_nobody_watches():
    """A line a tenth, none twice, each step begun and ended."""
    out = io.StringIO()
    with show_progress(out) as progress:
        tell(progress)
    lines = out.getvalue().splitlines()
    assert lines[0] == "encode …"
    assert lines[1:10] == [f"encode {tenth}0 %" for tenth in range(1, 10)]
    assert lines[10:] == ["encode done: 2 renditions", "verify …", "verify done: fine"]


def test_bars_on_a_terminal():
    """Both steps and their notes are there."""
    out = Terminal()
    with show_progress(out) as progress:
        tell(progress)
    for word in ("encode", "verify", "2 renditions", "fine"):
        assert word in out.getvalue()


def test_silence():
    """Nothing is shown."""
    tell(Silent())
