"""`matinee fleet purge|prefetch|job`."""

from pathlib import Path

import pytest

from tests.tools.fleet_ground import canned


def job(status: str, **more: object) -> dict:
    receipts = [{"edge": "e1", "status": "done", "count": 3, "seconds": 0.004}]
    counts = {"nodes": 2, "done": 1, "objects": 3}
    took = {"p50": 0.004, "p99": 0.012, "last": 0.012}
    return {
        "job": 7,
        "status": status,
        "counts": counts,
        "receiptSeconds": took,
        "receipts": receipts,
        "lagging": [],
    } | more


NONE = {"receipts": [], "receiptSeconds": {"p50": None, "p99": None, "last": None}}
LATE = [{"edge": "e2", "connected": True}, {"edge": "e3", "connected": False}]


@pytest.mark.parametrize(
    ("flags", "body"),
    [
        (["--url", "/a", "--url", "/b"], {"urls": ["/a", "/b"]}),
        (["--surrogate-key", "film", "--soft"], {"keys": ["film"], "soft": True}),
        (["--prefix", "/cdn/eu/film/"], {"prefixes": ["/cdn/eu/film/"]}),
        (["--all"], {"all": True}),
    ],
)
def test_a_purge_says_what_it_names_and_waits_for_receipts(tmp_path: Path, capsys, flags, body):
    with canned(tmp_path) as control:
        control.answers["POST /v1/purges"] = (201, job("active", **NONE))
        control.answers["GET /v1/jobs/7"] = job("complete")
        assert control.run("purge", *flags, "--reason", "new cut") == 0
        assert control.asked[0] == ("POST", "/v1/purges?reason=new+cut", body)
    out = capsys.readouterr().out
    assert "job 7: complete, 3 objects, 1 of 2 nodes, receipts p50 4 ms, p99 12 ms" in out
    assert "e1" in out


def test_who_lags_is_named_and_the_exit_code_says_so(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["POST /v1/purges"] = (201, job("active", lagging=LATE))
        control.answers["GET /v1/jobs/7"] = job("active", lagging=LATE)
        assert control.run("purge", "--all", "--wait", "1ms") == 1
        out = capsys.readouterr().out
        assert "no receipt yet" in out
        assert "disconnected" in out
        assert control.run("job", "7") == 1
        assert control.run("purge", "--all", "--wait", "0") == 0


@pytest.mark.parametrize("verb", ["purge", "prefetch"])
def test_nothing_named_is_wrong_usage(tmp_path: Path, verb: str):
    with canned(tmp_path) as control:
        assert control.run(verb) == 2
        assert control.asked == []


def test_a_prefetch_is_asked_for(tmp_path: Path):
    with canned(tmp_path) as control:
        control.answers["POST /v1/prefetches"] = (201, job("pending"))
        assert control.run("prefetch", "--url", "/cdn/eu/film/a") == 0
        assert control.asked == [("POST", "/v1/prefetches", {"urls": ["/cdn/eu/film/a"]})]
