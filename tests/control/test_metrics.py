"""Control's counters in Prometheus' text form."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from control.counters import COUNTERS
from control.fleet.fanout import Edge
from control.metrics import metrics_text
from kernel.fleet.messages import Hello


async def test_every_counter_of_the_table_is_told(open_plane) -> None:
    async with open_plane() as plane:
        await plane.put_titles({"a": {}, "b": {}}, author="tester")
        plane.fanout.edges["e1"] = Edge(Hello("e1"), 0.0, connected=True, applied={"keys": 0})
        text = metrics_text(plane)
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        expected = {row.name for row in COUNTERS}
        summaries = {row.name for row in COUNTERS if row.kind == "summary"}
        expected |= {f"{name}{suffix}" for name in summaries for suffix in ("_sum", "_count")}
        assert {name for name, *_ in samples} == expected
        assert samples["matinee_control_titles",] == 2
        assert samples["matinee_control_edges_behind", "rules"] == 1
        assert samples["matinee_control_edges_behind", "keys"] == 0
