"""`python -m tools.bench`: its table of benchmarks, its settings, its JSON file."""

import json

import pytest

from tools.bench import __main__ as bench
from tools.bench.report import Row, Sample


def run_with(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    return bench.main()


@pytest.fixture
def measured(monkeypatch):
    """Plans that were asked for; what is measured is made up."""
    plans = []

    def run(plan, peers, tell):
        plans.append((plan, list(peers)))
        return [Row(size, {"nginx A": 0.7}, {name: [Sample(10, 1e5, 1)] for name in peers}) for size in plan.sizes]

    monkeypatch.setattr(bench.hits, "run", run)
    monkeypatch.setattr(bench, "nginx_program", lambda: "/usr/sbin/nginx")
    monkeypatch.setattr(bench, "varnish_program", lambda: "/usr/sbin/varnishd")
    monkeypatch.setattr(bench, "BENCHMARKS", bench.BENCHMARKS[:1])
    return plans


def test_all_sizes_with_nginx_in_each_setting(measured, monkeypatch, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert run_with(monkeypatch, "--json", str(target)) == 0
    ((plan, peers),) = measured
    assert plan.sizes == (1 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
    assert plan.rounds >= 3
    assert peers == ["matinee", "nginx A", "nginx B", "nginx C", "varnish"]
    figures = json.loads(target.read_text())
    assert [row["bytes"] for row in figures["benchmarks"]["hits"]] == list(plan.sizes)
    assert "processor" in figures["machine"]
    shown = capsys.readouterr().out
    assert figures["missed"]["hits"][0] == "1 KiB: 1.00 of nginx A, target 0.7"
    for part in (
        "64 KiB",
        "≤ 0.7",
        "TARGET MISSED",
        "nginx A: sendfile on, tcp_nopush on",
        "requests/s",
        "kernel: Linux",
    ):
        assert part in shown


def test_sizes_rounds_and_seconds_can_be_chosen(measured, monkeypatch):
    chosen = ("--only", "hits", "--sizes", "2KiB,1MiB", "--rounds", "3", "--seconds", "0.5")
    assert run_with(monkeypatch, *chosen) == 0
    assert measured[0][0] == bench.hits.Plan((2048, 1 << 20), 3, 0.5)


def test_quick_is_one_short_round(measured, monkeypatch):
    assert run_with(monkeypatch, "--quick") == 0
    assert measured[0][0].rounds == 1


def test_without_nginx_ours_is_measured_alone_and_that_is_said(measured, monkeypatch, capsys):
    monkeypatch.setattr(bench, "nginx_program", lambda: None)
    monkeypatch.setattr(bench, "varnish_program", lambda: None)
    assert run_with(monkeypatch, "--quick") == 0
    assert measured[0][1] == ["matinee"]
    shown = capsys.readouterr().out
    assert "nginx was not found" in shown
    assert "varnishd was not found" in shown
    assert "not known" in shown


def test_a_benchmark_that_is_not_there_is_wrong_usage(monkeypatch, capsys):
    assert run_with(monkeypatch, "--only", "hats") == 2
    assert (
        "no benchmark is named hats; there is hits, tls, http2, disk, misses, memory, playback, loadtest, replay"
        in capsys.readouterr().err
    )


def test_a_benchmark_that_cannot_be_measured_is_a_failure(monkeypatch, capsys):
    def run(plan, peers, tell):
        raise bench.hits.BenchFailed("the origin was asked")

    monkeypatch.setattr(bench.hits, "run", run)
    assert run_with(monkeypatch, "--quick", "--only", "hits") == 1
    assert "the origin was asked" in capsys.readouterr().err


def test_a_late_loop_and_a_late_first_byte_are_missed_targets(monkeypatch, capsys):
    """What is no ratio of CPU is told as loudly."""
    monkeypatch.setattr(bench, "nginx_program", lambda: "/usr/sbin/nginx")
    row = Row(1 << 20, {"nginx A": 1.5}, {name: [Sample(10, 1e5, 1)] for name in ("matinee", "nginx A")})
    late = bench.disk.Lateness(0.001, 0.006, 0.1, 100, 10, 50)
    first = {"matinee": bench.misses.FirstByte(0.003, 0.004, 10), "nginx A": bench.misses.FirstByte(0.001, 0.0035, 10)}
    monkeypatch.setattr(bench.disk, "run", lambda plan, peers, tell: ([row], dict.fromkeys(peers, late)))
    monkeypatch.setattr(bench.misses, "run", lambda sizes, each, rounds, looks, peers, tell: ([row], first))
    assert run_with(monkeypatch, "--quick", "--only", "disk,misses") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "TARGET MISSED disk, cold reads: 99 % within 6.0 ms, target 5 ms" in shown
    assert "TARGET MISSED misses, first byte of a miss, median: 2.00 ms after nginx A, target 1 ms" in shown
    assert "first byte of a miss, 99 %" not in shown
