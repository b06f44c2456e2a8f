"""How a plan is written."""

import json

import pytest

from loadtest.planner.assumptions import figures_with
from loadtest.planner.plan import demand_of, make_plan
from loadtest.planner.show import as_plain, percent, tables, written

PLAN = make_plan(demand_of(10e6, 5e6), figures_with({}))


def test_every_table_has_as_many_cells_as_heads():
    for heading, heads, rows in tables(PLAN):
        assert rows, heading
        assert {len(row) for row in rows} == {len(heads)}


def test_the_plain_form_is_json():
    assert json.loads(json.dumps(as_plain(PLAN)))["demand"]["streams"] == 10e6


@pytest.mark.parametrize(
    ("value", "text"), [(12.6e9, "12.6 billion"), (10e6, "10 million"), (1234, "1,234"), (7, "7"), (0.15, "0.15")]
)
def test_numbers(value, text):
    assert written(value) == text


def test_shares():
    assert percent(0.472) == "47.2 %"
