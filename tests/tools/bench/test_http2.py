"""The benchmark of HTTP/2 tells no figures of a run that did not get its answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.bench import http2
from tools.bench.hits import Plan
from tools.bench.peers import Server
from tools.bench.processes import BenchFailed
from tools.bench.report import KIB, MIB

TOLD = "finished in 250.00ms, 800.00 req/s, 1MB/s\nstatus codes: %d 2xx, %d 3xx, 0 4xx, 0 5xx\n"


class Field:
    """What `measure` needs of a run."""

    def __init__(self) -> None:
        self.plan = Plan((MIB,), 1, 0.3)
        self.servers = {"matinee": Server("matinee", 1, (), Path("none"), lambda *_: "/t/x")}


@pytest.mark.parametrize(("good", "bad", "fine"), [(200, 0, True), (199, 0, False), (200, 1, False)])
def test_every_answer_must_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: int, bad: int, fine: bool
) -> None:
    asked = []

    def ran(command, **_):  # type: ignore[no-untyped-def]
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=TOLD % (good, bad))

    monkeypatch.setattr(subprocess, "run", ran)
    if not fine:
        with pytest.raises(BenchFailed, match="200 answers"):
            http2.measure(Field(), tmp_path, "matinee h1", MIB)  # type: ignore[arg-type]
        return
    sample = http2.measure(Field(), tmp_path, "matinee h1", MIB)  # type: ignore[arg-type]
    assert sample.per_second == 800
    assert "--h1" in asked[0]
    assert len((tmp_path / "urls.txt").read_text().splitlines()) == 16


def test_targets() -> None:
    assert http2.targets_of(KIB, {"nginx h2": None}) == {"matinee h1": 3.0}  # type: ignore[dict-item]
    assert http2.targets_of(MIB, {"nginx h2": None}) == {"matinee h1": 1.2, "nginx h2": 1.0}  # type: ignore[dict-item]
    assert http2.targets_of(MIB, {}) == {"matinee h1": 1.2}
