"""The arithmetic of a plan."""

import math

import pytest

from loadtest.planner.assumptions import Figure, figures_with
from loadtest.planner.hit_curve import DEFAULT, Point
from loadtest.planner.plan import demand_of, make_plan


def plan(streams=10e6, bitrate=5e6, regions=None, curve=DEFAULT, **values):
    given = {name: Figure(name, value, "", "given") for name, value in values.items()}
    return make_plan(demand_of(streams, bitrate, regions or {"eu": 1}), figures_with(given), curve)


def region(**values):
    (only,) = plan(**values).regions
    return only


def test_egress_is_streams_by_bitrate_by_overhead_at_the_regions_peak():
    assert region(delivery_overhead=1.1, regional_peak=1.2).egress_bps == pytest.approx(10e6 * 5e6 * 1.1 * 1.2)


@pytest.mark.parametrize(
    ("values", "bound_by"),
    [
        ({"node_nic_bps": 10e9}, "network"),
        ({"edge_cpu_s_per_gb": 5.0}, "cpu"),
        ({"kernel_memory_per_connection": 10e6}, "memory"),
    ],
)
def test_the_scarcest_part_decides_the_number_of_edges(values, bound_by):
    assert region(**values).bound_by == bound_by


def test_the_number_of_edges_follows_from_the_network():
    found = region(node_nic_bps=40e9, nic_limit=0.5, spare=0.1, delivery_overhead=1, regional_peak=1)
    assert found.edges == math.ceil(50e12 / 20e9 * 1.1)


def test_the_number_of_edges_follows_from_the_cpu():
    found = region(
        edge_cpu_s_per_gb=1.0, tls_cpu_s_per_gb=1.0, node_cores=10, cpu_limit=0.5, spare=1e-9, edge_idle_cores=1e-9,
        delivery_overhead=1, regional_peak=1, node_nic_bps=1e15,
    )  # fmt: skip
    assert found.edges == pytest.approx(50e12 / 8e9 * 2 / 5, abs=1)


def test_larger_disks_take_load_off_the_origin():
    small, large = region(node_disk_bytes=1e11), region(node_disk_bytes=61e12)
    assert large.edge_hit > small.edge_hit
    assert large.origin_bps < small.origin_bps
    assert small.origin_bps <= small.shield_egress_bps


def test_a_shield_never_makes_the_origin_send_more_than_the_edges_miss():
    for disk in (1e9, 1e11, 1e13, 1e15):
        found = region(node_disk_bytes=disk)
        assert 0 <= found.origin_bps <= found.shield_egress_bps * (1 + 1e-9)


def test_first_requests_reach_the_origin_however_large_the_caches_are():
    found = region(node_disk_bytes=1e15, day_peak=2)
    assert found.edge_hit == 1
    packaged = plan(node_disk_bytes=1e15).packaged_bytes
    assert found.origin_bps == pytest.approx(packaged * 0.3 * 8 / (7 * 86_400) * 2)


def test_regions_share_the_streams():
    found = plan(regions={"eu": 3, "us": 1}).regions
    assert found[0].streams == pytest.approx(3 * found[1].streams)
    assert [each.name for each in found] == ["eu", "us"]


def test_twice_the_streams_need_twice_the_edges():
    assert region(streams=20e6).edges == pytest.approx(2 * region(streams=10e6).edges, rel=0.01)


def test_a_tiny_platform_still_has_two_of_each():
    small = plan(streams=10, searches_per_s=1, daily_viewers=10)
    assert small.regions[0].edges == 2
    assert small.regions[0].shields >= 2
    assert (small.search_nodes, small.event_collectors, small.origin_nodes) == (2, 2, 2)


def test_events_follow_from_what_is_watched():
    found = plan(daily_viewers=1e6, sessions_per_viewer=2, minutes_per_session=30, heartbeat_s=30, events_per_minute=3)
    assert found.events_per_day == pytest.approx(1e6 * 2 * 30 * (2 + 3))


def test_search_nodes_follow_from_the_cost_of_a_query():
    found = plan(searches_per_s=300e3, search_cpu_s=0.001, node_cores=10, cpu_limit=0.5, spare=1e-9)
    assert found.search_nodes == 61


def test_storage_is_titles_by_length_by_ladder_with_redundancy():
    found = plan(
        titles=1000, title_seconds=1000, ladder_bps=8e6, uhd_share=1e-12, mezzanine_bps=8e6, storage_overhead=2,
        storage_regions=3,
    )  # fmt: skip
    assert found.packaged_bytes == pytest.approx(1e12)
    assert found.storage_bytes == pytest.approx(12e12)


def test_a_measured_curve_replaces_the_default():
    flat = [Point(0.01, 0.9), Point(1.0, 0.9)]
    assert region(curve=flat).edge_hit == pytest.approx(0.9)
