"""Writes docs/scale.md, the plan for the scale that Matinee is made for: `python -m loadtest.planner.scale_page`.

The page is made from docs/examples/measured.json, which `make measure` writes; a test checks that it is current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from loadtest.planner.assumptions import figures_with
from loadtest.planner.hit_curve import DEFAULT
from loadtest.planner.measured import read_measured
from loadtest.planner.plan import ASSUMED_CURVE, demand_of, make_plan
from loadtest.planner.show import tables

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "docs" / "examples" / "measured.json"
PAGE = ROOT / "docs" / "scale.md"

STREAMS, BITRATE_BPS = 10e6, 5e6

_HEAD = """\
<!-- Made by `make docs` from docs/examples/measured.json; do not edit. -->
# At scale

Matinee is planned for 100 million daily viewers, 10 million concurrent streams and 50 Tbit/s. Nothing of that size has
been run. This page is what `matinee plan` makes of figures measured on one machine and of assumptions; the last table
lists each of them with its source. Change one and see:

```sh
matinee plan --streams 10e6 --bitrate 5e6 --measured docs/examples/measured.json
matinee plan --streams 2e6 --bitrate 4e6 --measured docs/examples/measured.json --assume node_cores=64
matinee plan --streams 2e6 --bitrate 4e6 --regions eu=0.7,us=0.3 --json
```

[Load tests](loadtest.md#capacity) says how a node is measured, and how the planner's prediction is compared with a run.

How to read it:

- An edge's CPU is that of the measured run plus TLS: runs on one machine are over plain HTTP, so what TLS adds is
  measured apart and added. An edge's CPU is far above that of `make bench`, whose viewers read as fast as they can:
  viewers on lines of a few Mbit/s take a segment in many small writes, and an edge that is hardly loaded batches few.
- The hit ratio is that of a region's edges taken as one cache, because a title belongs to few of them. It was measured
  with a small catalogue and is used by the share of the requested bytes that fit into the cache; first requests are
  left out of it and counted as what a region fetches once a week. What a cache for everything misses is what edges
  write to disk at the second request only; real demand repeats more often, so the origin's share is on the safe side.
- Regions are planned for peaks of their own, which do not coincide. Spare nodes stand in for nodes; for a whole region
  that dies at its peak they are not enough: raise `spare` by the largest region's share if that must be carried.
"""


def scale_page() -> str:
    """The page. Raises BadSettings when the measured figures cannot be read."""
    measured = read_measured(json.loads(MEASURED.read_text(encoding="utf-8")), MEASURED.name)
    demand = demand_of(STREAMS, BITRATE_BPS)
    curve, source = (measured.curve, measured.curve_source) if measured.curve else (DEFAULT, ASSUMED_CURVE)
    parts = [_HEAD]
    for heading, heads, rows in tables(make_plan(demand, figures_with(measured.figures), curve, source)):
        lines = [f"## {heading}", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(scale_page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
