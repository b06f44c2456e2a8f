"""The report on the terminal."""

import io

from rich.console import Console

from loadtest.reports.terminal import print_report


def test_figures_expectations_and_verdict_are_printed(report):
    console = Console(file=io.StringIO(), width=120)
    report["warnings"] = ["The generator was [busy]."]
    print_report(report, console)
    text = console.file.getvalue()
    assert "20 players, generator at 30 % of a core" in text
    assert "holds  longest stall max < 2 s  (measured: 500 ms)" in text
    assert "does not hold  bitrate mean > 9 Mbit/s" in text
    assert "not measured here  origin requests < 1.2 × objects" in text
    assert "[busy]" in text
    assert text.rstrip().endswith("failed")
