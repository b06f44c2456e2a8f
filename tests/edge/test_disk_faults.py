"""A real edge on a disk that fails, is tampered with or taken away: what a receipt says is true at the next start."""

import random
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.edge.failing_disk import EdgeOnDisk as Edge
from tests.edge.process import Upstream, until

ONES = [f"/one/{number}" for number in range(40)]
OTHERS = [f"/other/{number}" for number in range(40)]


class Origin:
    """Answers every path with `version` and the path, as often as needed to make 120,000 bytes; counts requests.

    With `vary` in the path the answer varies by `X-Kind`.
    """

    def __init__(self) -> None:
        self.version = "v1"
        self.asked = self.port = 0

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        body = f"{self.version} {to.path} {to.headers.get('X-Kind', '')}\n".encode()
        body *= max(1, 120_000 // len(body))
        to.send_response(200)
        to.send_header("Cache-Control", "public, max-age=3600")
        if "vary" in to.path:
            to.send_header("Vary", "X-Kind")
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    with Upstream(made.answer) as upstream:
        made.port = upstream.port
        yield made


@pytest.fixture
def edge(origin: Origin, tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path / "e1", origin.port, ram="4MiB", disk="256MiB")
    made.start()
    yield made
    made.kill()


def filled(edge: Edge, paths: list[str] = ONES, **fields: str) -> None:
    """With version 1, on disk."""
    assert {edge.gets(path, **fields).split()[0] for path in paths} == {"v1"}
    until(lambda: edge.asks("/stats")["objects"] == len(list((edge.cache / "objects").glob("*/*"))))


def urls(paths: list[str]) -> list[str]:
    return [f"http://films.example{path}" for path in paths]


def versions(edge: Edge, paths: list[str] = ONES) -> set[str]:
    return {edge.gets(path).split()[0] for path in paths}


# -- 26: a purge is acknowledged, and then the old bytes come back -----------------------------------------------------


def test_while_nothing_can_be_written_down_no_purge_is_acknowledged_and_then_all_that_had_to_go_is(
    edge: Edge, origin: Origin
) -> None:
    """Files that were stuck before the purge, for another reason, count too: it names none of them."""
    filled(edge)
    edge.disk.fails()
    assert versions(edge) == versions(edge, OTHERS) == {"v1"}, "a dead disk costs no viewer an answer"
    status, told = edge.purges(urls=urls(ONES))
    assert (status, told.get("reason")) == (500, "not-removed")
    assert edge.asks("/readyz")["status"] == "degraded"
    edge.disk.heals()
    origin.version = "v2"
    assert edge.purges(urls=urls(ONES))[0] == 200
    edge.restart()
    assert versions(edge) == {"v2"}


def test_killed_on_a_dead_disk_it_has_acknowledged_nothing_that_is_not_true(edge: Edge, origin: Origin) -> None:
    filled(edge)
    edge.disk.fails("unlink writev")
    assert versions(edge, [*ONES, *OTHERS]) == {"v1"}
    assert edge.purges(urls=urls(ONES)) == (200, {"purged": 40})
    edge.kill()
    edge.disk.heals()
    origin.version = "v2"
    edge.start()
    assert versions(edge) == {"v2"}


@pytest.mark.parametrize(
    ("what", "soft"),
    [({"prefixes": ["http://films.example/one/"]}, False), ({"all": True}, False), ({"all": True}, True)],
)
def test_files_that_cannot_be_removed_are_no_objects_after_a_kill(
    edge: Edge, origin: Origin, what: dict[str, object], soft: bool
) -> None:
    filled(edge)
    edge.disk.fails("unlink")
    assert edge.purges(**what, soft=soft) == (200, {"purged": 40})
    edge.kill()
    edge.disk.heals()
    origin.version = "v2"
    edge.start()
    assert versions(edge) == {"v2"}


# -- 28: files exchanged, or put back ----------------------------------------------------------------------------------


def objects_of(edge: Edge) -> list[Path]:
    return sorted((edge.cache / "objects").glob("*/*"))


@pytest.mark.parametrize("running", [False, True])
def test_exchanged_files_are_never_taken_for_one_another(edge: Edge, origin: Origin, running: bool) -> None:
    """Alternates of one key have the same hash in their names: 80 of 80 were served for one another."""
    paths = [f"/vary/{number}" for number in range(20)]
    filled(edge, paths, **{"X-Kind": "a"})
    assert {edge.gets(path, **{"X-Kind": "b"}).split()[2] for path in paths} == {"b"}
    until(lambda: len(objects_of(edge)) == 40)
    if not running:
        edge.kill()
    by_hash: dict[str, list[Path]] = {}
    for path in objects_of(edge):
        by_hash.setdefault(path.name.partition("-")[0], []).append(path)
    for one, two in by_hash.values():
        one.rename(one.with_suffix(".x"))
        two.rename(one)
        one.with_suffix(".x").rename(two)
    if not running:
        edge.start()
    for kind in "ab":
        assert {edge.gets(path, **{"X-Kind": kind}).split()[2] for path in paths} == {kind}


@pytest.mark.parametrize("all_", [False, True])
def test_files_put_back_after_a_purge_are_no_objects(edge: Edge, origin: Origin, tmp_path: Path, all_: bool) -> None:
    filled(edge)
    shutil.copytree(edge.cache / "objects", tmp_path / "aside")
    assert edge.purges(**({"all": True} if all_ else {"urls": urls(ONES)}))[0] == 200
    origin.version = "v2"
    assert versions(edge, ONES[:20]) == {"v2"}
    for running in (True, False):
        if not running:
            edge.kill()
        shutil.copytree(tmp_path / "aside", edge.cache / "objects", dirs_exist_ok=True)
        if not running:
            edge.start()
        assert versions(edge) == {"v2"}


def test_an_older_version_under_the_name_of_the_newer_is_a_miss(edge: Edge, origin: Origin, tmp_path: Path) -> None:
    filled(edge)
    old = {path.name.partition("-")[0]: path.read_bytes() for path in objects_of(edge)}
    edge.purges(all=True)
    origin.version = "v2"
    assert versions(edge) == {"v2"}
    until(lambda: len(objects_of(edge)) == 40)
    edge.kill()
    for path in objects_of(edge):
        path.write_bytes(old[path.name.partition("-")[0]])
    asked = origin.asked
    edge.start()
    assert versions(edge) == {"v2"}
    assert origin.asked == asked + 40


# -- 29: the folder is removed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "objects", "tmp"])
def test_a_removed_folder_is_made_anew_and_that_is_said(edge: Edge, part: str) -> None:
    filled(edge)
    shutil.rmtree(edge.cache / part)
    versions(edge, OTHERS)
    until(lambda: edge.process.metric("matinee_cache_folder_recreated_total") >= 1)
    assert edge.asks("/readyz")["status"] == "ready"
    assert "created again" in edge.log.read_text()
    assert versions(edge, OTHERS) == {"v1"}
    until(lambda: edge.asks("/stats")["disk_bytes"] > 20 * 120_000)
    edge.restart()
    assert sum(edge.is_hit(path) for path in OTHERS) > 20, "what came after is there after a restart"


def test_a_folder_that_cannot_be_made_anew_is_said_until_it_can(edge: Edge) -> None:
    filled(edge)
    shutil.rmtree(edge.cache)
    edge.cache.write_text("no folder")
    assert edge.asks("/readyz")["status"] == "degraded"
    assert edge.process.metric("matinee_cache_disk_off") == 1
    assert versions(edge) == {"v1"}
    edge.cache.unlink()
    assert edge.asks("/readyz")["status"] == "ready"


def test_two_edges_never_write_to_one_folder(edge: Edge, origin: Origin, tmp_path: Path) -> None:
    """The folder of one is removed, and another is started on what it makes there."""
    filled(edge)
    shutil.rmtree(edge.cache)
    other = Edge(tmp_path / "e2", origin.port, ram="4MiB", disk="256MiB")
    other.cache = edge.cache
    other.start()
    try:
        versions(edge, OTHERS)
        assert edge.asks("/readyz")["status"] == "degraded"
        assert objects_of(edge) == []
    finally:
        other.kill()
    assert versions(edge, OTHERS) == {"v1"}
    until(lambda: edge.asks("/readyz")["status"] == "ready")


# -- kill -9 wherever it comes -----------------------------------------------------------------------------------------


def test_killed_at_any_time_of_purges_on_a_disk_that_removes_nothing(edge: Edge, origin: Origin) -> None:
    """Whatever was acknowledged holds after each of a few kills in the middle of it all."""
    chance = random.Random(1)
    for round_ in range(2):
        some = chance.sample(ONES, 15)
        origin.version = f"v{round_}"
        versions(edge)
        edge.disk.fails("unlink")
        origin.version = f"v{round_ + 1}"
        assert edge.purges(urls=urls(some))[0] == 200
        edge.restart()
        assert versions(edge, some) == {origin.version}
        edge.disk.heals()
