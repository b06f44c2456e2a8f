"""Reloading: each part on its own, each told, nothing half applied; signals that end nobody."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from edge.reload import PARTS, Reloader
from kernel.errors import BadSettings
from tests.edge.authority import Authority
from tests.edge.process import Upstream, edge_process, until


def fails(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", [BadSettings("rules", "no"), OSError(5, "I/O"), RecursionError()])
def test_a_part_that_cannot_be_reloaded_keeps_no_other_out(error: Exception) -> None:
    """And is counted and shown until it can be."""
    done: list[str] = []
    wrong = {"certificate"}
    steps = {
        part: lambda part=part: fails(error) if part in wrong else done.append(part)  # type: ignore[misc]
        for part in PARTS
    }
    reloader = Reloader(steps)
    assert not reloader.reload()
    assert done == ["log", "settings", "rules", "keys"]
    assert (reloader.failures["certificate"], list(reloader.failed)) == (1, ["certificate"])
    wrong.clear()
    assert reloader.reload("certificate")
    assert (reloader.failures["certificate"], reloader.failed) == (1, {})


def test_broken_keys_do_not_keep_new_rules_out(tmp_path: Path) -> None:
    """SIGHUP of a real edge: certificate, log and rules are taken though the certificate's files are rubbish."""
    authority = Authority(tmp_path)
    cert, key = authority.signs("localhost")
    rules, log = tmp_path / "rules.json", tmp_path / "access.log"
    rules.write_text('{"default": "allow"}')
    path = "/cdn/eu/t1/v720/1.m4s"
    with (
        Upstream() as upstream,
        edge_process(
            tmp_path, upstream.port, profile="media", rules=rules, access_log=log, tls_cert=cert, tls_key=key,
            default_country="DE",
        ) as edge,
    ):  # fmt: skip
        kept = cert.read_bytes()
        cert.write_text("rubbish")
        log.rename(tmp_path / "access.log.1")
        rules.write_text('{"default": "deny"}')
        edge.process.send_signal(signal.SIGHUP)
        until(lambda: edge.metric('matinee_edge_reload_failures_total{what="certificate"}') == 1)
        assert until(log.exists)
        told = json.loads(edge.asks_admin("/readyz"))
        assert list(told["reloadFailed"]) == ["certificate"]
        assert edge.stats()["reload_failed"] == 1
        why = json.loads(_posts(edge.admin, "/why", {"url": path, "country": "DE"}))
        assert "country" in json.dumps(why)  # the new rules refuse it
        cert.write_bytes(kept)
        edge.process.send_signal(signal.SIGHUP)
        until(lambda: edge.metric('matinee_edge_reload_failed{what="certificate"}') == 0)
        assert "reloadFailed" not in json.loads(edge.asks_admin("/readyz"))
        assert edge.ends() == 0


def _posts(address: tuple[str, int], path: str, document: object) -> bytes:
    from urllib.request import Request, urlopen

    asked = Request(
        f"http://{address[0]}:{address[1]}{path}",
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(asked, timeout=30) as answer:
        return answer.read()  # type: ignore[no-any-return]


@pytest.mark.parametrize("program", ["edge", "shield"])
def test_no_signal_of_an_operator_ends_a_node_by_surprise(tmp_path: Path, program: str) -> None:
    """SIGUSR1 reopens the log; SIGPIPE does no harm. SIGUSR2 is in node/test_takeover.py."""
    log = tmp_path / "access.log"
    with Upstream() as upstream, edge_process(tmp_path, upstream.port, program=program, access_log=log) as edge:
        log.rename(tmp_path / "access.log.1")
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1):
            edge.process.send_signal(number)
        until(log.exists)
        assert edge.gets().endswith(b"</a>")
        assert edge.ends() == 0


def test_a_certificate_without_its_key_changes_nothing(tmp_path: Path) -> None:
    """Half of a renewal would leave a node that can shake no hand."""
    from system.server_tls import renew_certificate, tls_context

    authority = Authority(tmp_path)
    files = authority.signs("localhost")
    context = tls_context(*files)
    other = authority.signs("localhost", last=2099)
    shutil.copy(other[0], files[0])
    with pytest.raises(BadSettings):
        renew_certificate(context, *files)
    shutil.copy(other[1], files[1])
    renew_certificate(context, *files)
