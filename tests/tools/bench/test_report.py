"""Medians, ratios and targets as they are told."""

import io

from rich.console import Console

from tools.bench.report import KIB, MIB, Row, Sample, as_json, is_met, missed, rates, size_text, table


def row(target=0.7, **costs):
    samples = {name: [Sample(cost, 1e6 / cost, 0.5) for cost in listed] for name, listed in costs.items()}
    return Row(64 * KIB, {} if target is None else {"peer": target}, samples)


def shown(made):
    out = io.StringIO()
    Console(file=out, width=120).print(made)
    return out.getvalue()


def test_a_ratio_is_of_medians_so_that_one_bad_round_does_not_tell():
    assert row(ours=[6, 7, 900], peer=[10, 10, 10]).ratio("ours", "peer") == 0.7


def test_a_target_is_met_at_the_ratio_and_missed_above_it():
    assert is_met(row(ours=[7], peer=[10]), "ours", "peer") is True
    assert is_met(row(ours=[7.1], peer=[10]), "ours", "peer") is False
    assert is_met(row(ours=[9], peer=[10], target=None), "ours", "peer") is None


def test_without_a_peer_there_is_no_ratio_and_no_verdict():
    alone = row(ours=[7])
    assert alone.ratio("ours", "peer") is None
    assert is_met(alone, "ours", "peer") is None
    assert "not run" in shown(table("alone", [alone], "ours", ["peer"]))


def test_the_table_shows_medians_their_spread_and_the_verdict():
    text = shown(table("hits", [row(ours=[5, 6, 9], peer=[10, 11, 12])], "ours", ["peer"]))
    for part in ("64 KiB", "6.0", "5.0-9.0", "11.0", "10.0-12.0", "0.55", "≤ 0.7 met"):
        assert part in text


def test_json_keeps_every_sample():
    (told,) = as_json([row(ours=[5, 6, 9], peer=[10, 11, 12])], "ours", ["peer"])
    assert told["bytes"] == 65536
    assert [sample["cpuMicroseconds"] for sample in told["servers"]["ours"]["samples"]] == [5, 6, 9]
    assert told["ratios"] == {"peer": 6 / 11}
    assert told["met"] == {"peer": True}


def test_rates_are_told_in_the_order_of_the_servers():
    assert rates([row(a=[10], b=[20])], ["b", "a"]) == "64 KiB 50,000 / 100,000"


def test_sizes_are_written_as_people_write_them():
    assert [size_text(size) for size in (KIB, 4 * MIB, 1500)] == ["1 KiB", "4 MiB", "1500 B"]


def test_what_is_missed_is_said_in_a_sentence():
    assert missed([row(ours=[8], peer=[10]), row(ours=[7], peer=[10])], "ours") == ["64 KiB: 0.80 of peer, target 0.7"]


def test_bounds_are_told_one_by_one_and_who_misses_them():
    made = row(ours=[9], peer=[10], other=[8])
    made.targets = {"peer": 1.0, "other": 1.0, "none": 0.5}
    text = shown(table("hits", [made], "ours", ["peer", "other"]))
    assert "≤ 1 missed: other" in text
    assert "≤ 0.5 not known" in text
