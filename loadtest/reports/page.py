"""The report as one page: no script, no network, light and dark, from a phone's width up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from loadtest.reports.charts import charts_of
from loadtest.reports.formats import count, milliseconds, scaled, share, shown
from loadtest.reports.metrics import BY_NAME, METRICS, normalised, value_of
from loadtest.reports.svg import Chart, draw
from loadtest.reports.svg import clock as written_clock

_STYLE = """
:root { color-scheme: light dark; --back: #fbfbfa; --card: #fff; --ink: #1d2125; --soft: #5c656e; --rule: #d9dde1;
  --good: #176b3a; --bad: #a8231f; --warn-back: #fff4d6; --warn-ink: #5f4300;
  --line-0: #2563c4; --line-1: #c2410c; --line-2: #15803d; --line-3: #8b3fb5; --line-4: #0e7490; --line-5: #a16207; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --card: #1c2024; --ink: #e7eaed; --soft: #9ba5ae;
  --rule: #343a40; --good: #5ec98a; --bad: #ff8b84; --warn-back: #3a2f12; --warn-ink: #ffdf94;
  --line-0: #74a7ff; --line-1: #ff9d66; --line-2: #62d08c; --line-3: #cf9bf0; --line-4: #57c7de; --line-5: #e0b64a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; } h2 { margin: 32px 0 10px; font-size: 18px; }
p { margin: 6px 0; } .soft, figcaption small { color: var(--soft); }
.verdict { display: inline-block; margin: 12px 0 4px; padding: 3px 12px; border-radius: 999px; font-weight: 600;
  color: var(--card); background: var(--good); } .verdict.failed { background: var(--bad); }
.warning { background: var(--warn-back); color: var(--warn-ink); border-radius: 6px; padding: 8px 12px; margin: 8px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; margin: 18px 0 6px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 14px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px; }
figcaption { font-weight: 600; } figcaption small { display: block; font-weight: 400; font-size: 13px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 13px; font-weight: 400; }
.legend i { display: inline-block; width: 16px; height: 3px; margin-right: 5px; vertical-align: middle; }
svg { display: block; width: 100%; height: auto; margin-top: 6px; } svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--rule); stroke-width: 1; } .mark { stroke: var(--bad); stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; background: var(--card); }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th { font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
.words { text-align: left; white-space: normal; } td.words { min-width: 170px; overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; } .ok { color: var(--good); } .not { color: var(--bad); font-weight: 600; }
"""

_WORDS = '<td class="words">'

_TILES = (
    ("startupMs.p50", "start-up, median"),
    ("startupMs.p95", "start-up, p95"),
    ("startupMs.p99", "start-up, p99"),
    ("rebufferRatio.mean", "rebuffer ratio"),
    ("rebufferRatio.p95", "rebuffer ratio, p95"),
    ("longestStallMs.max", "longest stall"),
    ("bitrateMean", "bitrate on screen"),
    ("switchesMean", "switches a session"),
    ("failedRequestShare", "failed requests"),
    ("hitRatio", "edge hit ratio"),
    ("originOffload", "origin offload"),
    ("generatorCpuShare", "generator, of a core"),
)


def page(report: Mapping[str, Any]) -> str:
    """The whole document."""
    run = report["run"]
    body = "\n".join(
        part for section in (_head, _tiles, _expectations, _charts, _nodes, _groups, _rest) for part in section(report)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(run['story'])}: load test</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _basis(report: Mapping[str, Any]) -> str:
    """What every figure stands on."""
    return f"{count(report['players'])} players; generator at {share(report['generatorCpuShare'])} of a core"


def _head(report: Mapping[str, Any]) -> Iterator[str]:
    run, passed = report["run"], report.get("passed")
    yield f"<h1>{escape(run['story'])}</h1><p>{escape(run['summary'])}</p>"
    if passed is not None:
        yield f'<div class="verdict{"" if passed else " failed"}">{"passed" if passed else "failed"}</div>'
    pace = "" if run["speed"] == 1 else f", {run['speed']:g} times as fast as real time"
    yield (
        f'<p class="soft">{escape(_basis(report))}; {written_clock(run["seconds"])} of wall time{pace}; '
        f"seed {run['seed']}; target {escape(run['target'])}; driver {escape(run['driver'])}, "
        f"{run['generatorProcesses']} process{'es' if run['generatorProcesses'] > 1 else ''}</p>"
    )
    yield from (f'<p class="warning">{escape(warning)}</p>' for warning in report["warnings"])


def _tiles(report: Mapping[str, Any]) -> Iterator[str]:
    yield '<div class="tiles">'
    for name, label in _TILES:
        metric = BY_NAME[normalised(name)]
        value = shown(value_of(report, metric), metric.dimension)
        tip = escape(metric.sentence, quote=True)
        yield f'<div class="tile" title="{tip}"><b>{value}</b><span>{label}</span></div>'
    yield "</div>"


def _expectations(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["expectations"] and not report.get("notMeasured"):
        return
    rows = [
        (
            _words(row["name"]),
            _cell(_measured(row)),
            '<td class="ok">holds</td>' if row["ok"] else '<td class="not">does not hold</td>',
        )
        for row in report["expectations"]
    ]
    rows += [(_words(name), _cell("–"), _cell("not measured")) for name in report.get("notMeasured", ())]
    yield "<h2>Expectations</h2>" + _table(("Expected", "Measured", ""), rows)


def _measured(row: Mapping[str, Any]) -> str:
    """The left side of an expectation with its unit."""
    return shown(row["value"], BY_NAME[normalised(row["figure"])].dimension)


def _charts(report: Mapping[str, Any]) -> Iterator[str]:
    yield '<h2>Over time</h2><div class="charts">'
    for chart in charts_of(report):
        yield (
            f"<figure><figcaption>{escape(chart.title)}<small>{escape(_basis(report))}</small>{_legend(chart)}"
            f"</figcaption>{draw(chart)}</figure>"
        )
    yield "</div>"
    if report["run"]["actions"]:
        yield '<p class="soft">Dashed lines mark what was done to the platform.</p>'
        rows = [
            (_cell(row["name"]), _cell(written_clock(row["atSeconds"])), _words(row["command"]), _words(row["error"]))
            for row in report["run"]["actions"]
        ]
        yield _table(("Action", "At", "Command", "Error"), rows)


def _legend(chart: Chart) -> str:
    if len(chart.lines) < 2:
        return ""
    keys = (
        f'<span><i style="background:var(--line-{number % 6})"></i>{escape(line.name)}</span>'
        for number, line in enumerate(chart.lines)
    )
    return f'<span class="legend">{"".join(keys)}</span>'


def _nodes(report: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (
            _cell(row["node"]),
            _cell(row["tier"]),
            _cell(count(row["requests"])),
            _cell(count(row["failed"])),
            _cell(scaled(row["bytes"], "B")),
            _cell(milliseconds(row["ttfbMs"]["p50"])),
            _cell(milliseconds(row["ttfbMs"]["p99"])),
            _words(", ".join(f"{outcome}: {count(number)}" for outcome, number in row["outcomes"].items())),
        )
        for row in report["byNode"]
    ]
    heads = ("Node", "Answered from", "Requests", "Failed", "Bytes", "TTFB p50", "TTFB p99", "Outcomes")
    yield "<h2>Requests by node</h2>" + f'<p class="soft">{escape(_basis(report))}</p>' + _table(heads, rows)
    if report["nodes"]:
        yield "<h2>Nodes</h2>" + _table(
            ("Node", "Role", "CPU", "CPU a GB sent", "Sent", "Memory, peak", "Connections, peak", "Did not answer"),
            [_node_row(node) for node in report["nodes"]],
        )


def _node_row(node: Mapping[str, Any]) -> tuple[str, ...]:
    totals, peak = node["totals"], node["peak"]
    cpu, sent = totals.get("cpu_s"), totals.get("bytes_sent")
    per_gb = f"{cpu / sent * 1e9:.3g} s" if cpu and sent else "–"
    return (
        _cell(node["name"]),
        _cell(node["role"]),
        _cell("–" if cpu is None else f"{cpu:.3g} s"),
        _cell(per_gb),
        _cell("–" if sent is None else scaled(sent, "B")),
        _cell(scaled(peak["rss_bytes"], "B") if "rss_bytes" in peak else "–"),
        _cell(count(peak["connections"]) if "connections" in peak else "–"),
        _cell(f"{node['unanswered']} of {node['samples']} looks"),
    )


def _groups(report: Mapping[str, Any]) -> Iterator[str]:
    for dimension, values in report["groups"].items():
        rows = [
            (
                _cell(value),
                _cell(count(row["players"])),
                _cell(milliseconds(row["startupMs"]["p50"])),
                _cell(milliseconds(row["startupMs"]["p95"])),
                _cell(share(row["rebufferRatio"]["mean"])),
                _cell(scaled(row["bitrateMean"], "bit/s")),
                _cell(f"{row['switchesMean']:.2g}"),
            )
            for value, row in values.items()
        ]
        heads = (
            dimension.capitalize(),
            "Players",
            "Start-up p50",
            "Start-up p95",
            "Rebuffering",
            "Bitrate",
            "Switches",
        )
        yield f"<h2>By {escape(dimension)}</h2>" + _table(heads, rows)


def _rest(report: Mapping[str, Any]) -> Iterator[str]:
    rows = [(_cell(end), _cell(count(number))) for end, number in report["ends"].items()]
    yield "<h2>How sessions ended</h2>" + _table(("End", "Sessions"), rows)
    figures = [
        (_words(metric.sentence), _cell(metric.name), _cell(shown(value_of(report, metric), metric.dimension)))
        for metric in METRICS
    ]
    yield f'<h2>All figures</h2><p class="soft">{escape(_basis(report))}</p>'
    yield _table(("Figure", "Name", "Value"), figures)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kinds = (' class="words"' if rows and cell.startswith(_WORDS) else "" for cell in (rows[0] if rows else heads))
    head = "".join(f"<th{kind}>{escape(text)}</th>" for kind, text in zip(kinds, heads, strict=True))
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _words(text: str) -> str:
    return f"{_WORDS}{escape(text)}</td>"
