"""The local platform, as its state folder lists it."""

import json

import pytest

from loadtest.nodes.series import NodeRole, Sample, Series
from loadtest.runs.platform_folder import PlatformFolder

PROGRAMS = [
    {"name": "origin", "role": "origin", "pid": 1, "url": "http://127.0.0.1:83", "admin": "http://127.0.0.1:83"},
    {"name": "control", "role": "control", "pid": 2, "url": "127.0.0.1:84", "admin": "http://127.0.0.1:85"},
    {"name": "shield", "role": "shield", "pid": 5, "url": "http://127.0.0.1:82", "admin": "http://127.0.0.1:92"},
    {"name": "edge1", "role": "edge", "pid": 3, "url": "http://127.0.0.1:81", "admin": "http://127.0.0.1:91"},
    {"name": "edge2", "role": "edge", "pid": None, "url": "http://127.0.0.2:81", "admin": "http://127.0.0.2:91"},
]


@pytest.fixture
def folder(tmp_path):
    def write(programs=PROGRAMS):
        (tmp_path / "programs.json").write_text(json.dumps({"page": "http://127.0.0.1:80", "programs": programs}))
        return PlatformFolder(tmp_path)

    return write


@pytest.mark.parametrize(
    ("target", "is_mine"),
    [
        ("http://127.0.0.1:80", True),
        ("http://127.0.0.1:80/", True),
        ("http://127.0.0.2:81/t/x/master.m3u8", True),
        ("http://127.0.0.3:81/", False),
        ("https://cdn.example/x.m3u8", False),
    ],
)
def test_a_target_is_the_platforms_by_host_and_port(folder, target, is_mine):
    assert folder().is_target(target) == is_mine


@pytest.mark.parametrize("text", [None, "{", "[]", '{"page": "http://127.0.0.1:80"}'])
def test_a_folder_without_a_list_is_no_platform(tmp_path, text):
    if text is not None:
        (tmp_path / "programs.json").write_text(text)
    assert not PlatformFolder(tmp_path).is_target("http://127.0.0.1:80")


def test_a_platform_that_does_not_run_is_no_target(folder):
    stopped = [row | {"pid": None} for row in PROGRAMS]
    assert not folder(stopped).is_target("http://127.0.0.1:80")


def test_each_program_is_asked_where_its_figures_are(folder):
    nodes = {node.name: node for node in folder().nodes()}
    assert nodes["edge1"].stats == "http://127.0.0.1:91/stats"
    assert nodes["edge1"].listen == ("127.0.0.1", 81), "its connections are counted"
    assert nodes["edge1"].metrics is None
    assert nodes["shield"].metrics == "http://127.0.0.1:92/metrics"
    assert nodes["origin"].metrics == "http://127.0.0.1:83/metrics"
    assert nodes["control"].stats is None
    assert nodes["edge2"].pid is None


def test_actions_name_the_busiest_region_where_there_are_two(folder):
    rows = [row | {"region": "local"} if row["role"] == "edge" else row for row in PROGRAMS]
    one = folder(rows)
    assert one.region_count == 1
    assert "busiest_region" not in one.words([])
    more = {"role": "edge", "pid": 6, "region": "east"}
    east = [more | {"name": name, "url": "http://127.0.0.3:81", "admin": ""} for name in ("edge3", "edge4")]
    two = folder([*rows, *east])
    assert two.region_count == 2
    assert two.words([])["busiest_region"] == ("local",)
    sent = {"edge1": 10, "edge3": 6, "edge4": 6}
    series = [Series(node, 60.0) for node in two.nodes() if node.name in sent]
    for each in series:
        for at_s, count in ((0, 0), (1, sent[each.node.name])):
            each.add_sample(Sample(at_s, bytes_sent=count))
    assert two.words(series)["busiest_region"] == ("east",)


def test_actions_name_the_busiest_edge(folder):
    mine = folder()
    second = next(node for node in mine.nodes() if node.name == "edge2")
    series = Series(second, 60.0)
    for at_s, sent in ((0, 0), (1, 9)):
        series.add_sample(Sample(at_s, bytes_sent=sent))
    assert series.node.role is NodeRole.EDGE
    assert mine.words([series])["busiest_edge"] == ("edge2",)
    assert mine.words([series])["busiest_edge_url"] == ("http://127.0.0.2:81",)
    assert mine.words([])["busiest_edge"] == ("edge1",)
    assert mine.words([])["control"] == ("http://127.0.0.1:85",)
