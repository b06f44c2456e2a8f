"""Measure what a shield uses for what it fetches, and what TLS adds.

    python -m loadtest.planner.measure_node REPORT.json

A run against `make up` shows neither: it is over plain HTTP, and its few objects pass the shield once. So a shield of
its own fetches a film that nobody holds, and players on lines of a few Mbit/s watch a film from an edge with TLS and
from one without. What differs are CPU seconds for each gigabyte sent; they go into the report's `capacity`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from loadtest.bench import EDGE_FLAGS, Figures, cpu_s, edge, film, film_origin, measure, warm
from loadtest.planner.measure_services import with_parts
from loadtest.session import NetworkProfile, RateStep, RequestKind
from system.clock import SystemClock

FILM_S = 600.0
PLAYERS, SECONDS, RAMP_S = 150, 40.0, 10.0
LINE = NetworkProfile("line", (RateStep(3600, 8e6),), 0.03)


async def shield_figures(core: int | None, seconds: float = FILM_S) -> dict[str, object]:
    """CPU of a shield for a gigabyte that it has to fetch."""
    with tempfile.TemporaryDirectory(prefix="measure-node-") as name:
        held = film(seconds)
        async with film_origin(held) as origin:
            with edge(origin, Path(name), core, program="shield", flags=()) as (url, pid):
                await warm(url, [next(iter(held))])
                before = cpu_s(pid)
                await warm(url, held)
                spent = cpu_s(pid) - before
    size = sum(map(len, held.values()))
    return {
        "cpuSecondsPerGB": round(spent / size * 1e9, 4),
        "note": f"{size / 1e6:,.0f} MB in {len(held):,} objects, none of them in its cache",
    }


async def tls_figures(
    core: int | None, players: int = PLAYERS, seconds: float = SECONDS, ramp_s: float = RAMP_S
) -> dict[str, object]:
    """CPU of an edge for a gigabyte over TLS, less that without."""
    with tempfile.TemporaryDirectory(prefix="measure-node-") as name:
        certificate, key = own_certificate(Path(name))
        plain = await measure(players, seconds, ramp_s, LINE, core)
        secure = await measure(
            players, seconds, ramp_s, LINE, core, (*EDGE_FLAGS, "--tls-cert", str(certificate), "--tls-key", str(key))
        )
    costs = [_per_gb(figures) for figures in (plain, secure)]
    return {
        "cpuSecondsPerGB": round(max(0.0, costs[1] - costs[0]), 4),
        "note": f"{players} players on lines of 8 Mbit/s: {costs[1]:.2f} s/GB with TLS 1.3, {costs[0]:.2f} without",
    }


def _per_gb(figures: Figures) -> float:
    totals = [each for record in figures.records for key, each in record.requests.items() if _is_media(key.kind)]
    return figures.edge_cpu / max(1, sum(each.bytes for each in totals)) * 1e9


def _is_media(kind: RequestKind) -> bool:
    return kind in (RequestKind.INIT, RequestKind.SEGMENT)


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.fromtimestamp(SystemClock().wall(), dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return paths


async def _parts(core: int | None) -> dict[str, dict[str, object]]:
    return {"shield": await shield_figures(core), "tls": await tls_figures(core)}


def main(argv: Sequence[str]) -> int:
    """Measure, and add the figures to the report."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.planner.measure_node")
    parser.add_argument("report", type=Path)
    given = parser.parse_args(argv)
    report = json.loads(given.report.read_text(encoding="utf-8"))
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[0]})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        parts = runner.run(_parts(cores[1] if len(cores) > 1 else None))
    given.report.write_text(json.dumps(with_parts(report, parts), indent=1) + "\n", encoding="utf-8")
    print(json.dumps(parts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
