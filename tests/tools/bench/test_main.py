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
        return [Row(size, 0.7, {name: [Sample(10, 1e5, 1)] for name in peers}) for size in plan.sizes]

    monkeypatch.setattr(bench.hits, "run", run)
    monkeypatch.setattr(bench, "nginx_program", lambda: "/usr/sbin/nginx")
    return plans


def test_all_sizes_with_nginx_in_each_setting(measured, monkeypatch, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert run_with(monkeypatch, "--json", str(target)) == 0
    ((plan, peers),) = measured
    assert plan.sizes == (1 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
    assert plan.rounds >= 3
    assert peers == ["matinee", "nginx A", "nginx B", "nginx C"]
    figures = json.loads(target.read_text())
    assert [row["bytes"] for row in figures["benchmarks"]["hits"]] == list(plan.sizes)
    assert "processor" in figures["machine"]
    shown = capsys.readouterr().out
    for part in ("64 KiB", "≤ 0.7", "missed", "nginx A: sendfile on, tcp_nopush on", "requests/s", "kernel: Linux"):
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
    assert run_with(monkeypatch, "--quick") == 0
    assert measured[0][1] == ["matinee"]
    shown = capsys.readouterr().out
    assert "nginx was not found" in shown
    assert "not known" in shown


def test_a_benchmark_that_is_not_there_is_wrong_usage(monkeypatch, capsys):
    assert run_with(monkeypatch, "--only", "hats") == 2
    assert "no benchmark is named hats; there is hits" in capsys.readouterr().err


def test_a_benchmark_that_cannot_be_measured_is_a_failure(monkeypatch, capsys):
    def run(plan, peers, tell):
        raise bench.hits.BenchFailed("the origin was asked")

    monkeypatch.setattr(bench.hits, "run", run)
    assert run_with(monkeypatch, "--quick") == 1
    assert "the origin was asked" in capsys.readouterr().err
