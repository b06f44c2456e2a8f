"""The report of a run of Locust."""

import msgspec
import pytest

from loadtest.drivers.locust_report import LocustReport
from loadtest.session import EndReason, SessionRecord, Viewer


def record(number, played=3.0):
    return SessionRecord(Viewer(number, "t"), startup_s=0.2, played_s=played, end=EndReason.WATCHED)


def test_a_master_has_the_sessions_of_all_its_workers_once():
    master, workers = LocustReport(60.0), [LocustReport(60.0) for _ in range(2)]
    for turn in range(3):
        for name, worker in zip("ab", workers, strict=True):
            worker.count(record(turn))
            master.add(name, worker.hand_over())
    report = master.build("http://t", 1)
    assert report["players"] == 6
    assert report["run"]["generatorProcesses"] == 2
    assert workers[0].totals.quality.players == 0


def test_the_busiest_worker_decides_whether_the_generator_was_the_bottleneck():
    master, worker = LocustReport(60.0), LocustReport(60.0)
    worker.count(record(1))
    for name, share in (("a", 0.2), ("b", 0.95)):
        master.add(name, {**worker.hand_over(), "cpuShare": share})
    report = master.build("http://t", 1)
    assert report["generatorCpuShare"] == 0.95
    assert any("bottleneck" in warning for warning in report["warnings"])


def test_a_process_alone_reports_its_own_sessions():
    alone = LocustReport(None)
    alone.count(record(1))
    assert alone.build("http://t", 1)["players"] == 1


def test_what_another_version_sends_is_refused():
    with pytest.raises(msgspec.ValidationError):
        LocustReport(60.0).add("a", {"totals": msgspec.msgpack.encode({"players": 3}), "cpuShare": 0.1})
