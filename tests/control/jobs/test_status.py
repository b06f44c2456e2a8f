"""A job in RFC 8007's shape."""

import json

import pytest

from control.jobs.status import (
    MAX_AUDITED,
    JobNode,
    ReceivedReceipt,
    audit_value,
    job_json,
    job_summary_json,
    quantile,
    state_of,
)

ROW = {
    "seq": 7, "kind": "purge", "content": b'{"keys":["t"],"soft":true}', "author": "ann", "reason": "why", "at": 100.0,
    "state": "active", "changed": 100.0, "ended": None, "note": "",
}  # fmt: skip
DONE, FAILED = ReceivedReceipt("e1", 100.5, 3, 0, "done"), ReceivedReceipt("e2", 101.0, 1, 0, "2 files are left")


def node(name: str, *, done: bool, connected: bool = True) -> JobNode:
    return JobNode(name, "edge", connected, 99.0, done)


@pytest.mark.parametrize(
    ("stored", "nodes", "receipts", "state"),
    [
        ("active", [], [], "pending"),
        ("active", [node("a", done=False)], [], "pending"),
        ("active", [node("a", done=True), node("b", done=False)], [DONE], "active"),
        ("active", [node("a", done=True), node("b", done=False, connected=False)], [DONE], "processed"),
        ("active", [node("a", done=True)], [DONE], "complete"),
        ("active", [node("a", done=True)], [DONE, FAILED], "failed"),
        ("complete", [node("new", done=False)], [], "complete"),
        ("failed", [], [], "failed"),
    ],
)
def test_where_a_job_is(stored: str, nodes: list[JobNode], receipts: list[ReceivedReceipt], state: str):
    assert state_of(stored, nodes, receipts) == state


def test_a_whole_status():
    found = job_json(ROW, [FAILED, DONE], [node("e1", done=True), node("e2", done=True), node("e3", done=False)])
    assert (found["status"], found["trigger"]["type"], found["ctime"], found["mtime"]) == (
        "active",
        "invalidate",
        100,
        101,
    )
    assert found["receiptSeconds"] == {"p50": 0.5, "p99": 1.0, "last": 1.0}
    assert [one["edge"] for one in found["receipts"]] == ["e1", "e2"]
    assert [one["edge"] for one in found["lagging"]] == ["e3"]
    assert found["counts"] == {
        "nodes": 3, "done": 2, "receipts": 2, "failed": 1, "lagging": 1, "objects": 4, "bytes": 0,
    }  # fmt: skip
    assert job_json(ROW, [DONE], [node("e1", done=True)])["etime"] == 100.5


def test_what_is_noted_is_told():
    late = ROW | {"note": '{"late": ["s1", "s2"], "again": {"s1": 9}}'}
    assert job_summary_json(late)["lateShields"] == {"s1": 9, "s2": None}
    assert job_summary_json(ROW | {"note": '{"refers": [7]}', "kind": "prefetch"})["refersTo"] == [7]


@pytest.mark.parametrize(
    ("values", "share", "found"), [([], 0.5, None), ([1.0], 0.99, 1.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0)]
)
def test_quantiles(values: list[float], share: float, found: float | None):
    assert quantile(values, share) == found


def test_the_audit_log_holds_no_long_lists():
    assert audit_value(b'{"keys":["a"],"soft":true}') == {"keys": ["a"], "soft": True}
    many = audit_value(json.dumps({"urls": ["/a"] * 99}).encode())
    assert many == {"urls": ["/a"] * MAX_AUDITED, "of": {"urls": 99}}
