"""`python -m loadtest.compare_hlsjs`: five runs over each of three lines, and the table of their means."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.compare_hlsjs.figures import Seen, differences, mean, table
from loadtest.compare_hlsjs.film import make_film, page_in
from loadtest.compare_hlsjs.runs import LINES, compare

HLS_JS = Path(__file__).resolve().parents[2] / "node_modules/hls.js/dist/hls.min.js"


def main() -> int:
    """Print the table; 1 when a bound is missed, 2 when a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.compare_hlsjs", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60, help="length of the film")
    parser.add_argument("--lines", default=",".join(LINES), help="names of lines, with commas between")
    parser.add_argument(
        "--together", action="store_true", help="all lines at the same time: faster, on a quiet machine"
    )
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    parser.add_argument("--ffmpeg", default=shutil.which("ffmpeg") or "")
    options = parser.parse_args()
    if not options.chromium or not options.ffmpeg or not HLS_JS.exists():
        print("error: chromium, ffmpeg and node_modules/hls.js are needed (make setup)", file=sys.stderr)
        return 2
    rows: dict[str, tuple[Seen, Seen]] = {}
    with tempfile.TemporaryDirectory(prefix="compare-hlsjs-") as name:
        folder = Path(name)
        make_film(options.ffmpeg, folder, options.seconds)
        with page_in(folder, HLS_JS):
            names = options.lines.split(",")
            for several in [names] if options.together else [[name] for name in names]:
                rows |= asyncio.run(_means(folder, several, options))
    print(table(rows))
    missed = {line: found for line, pair in rows.items() if (found := differences(*pair))}
    for line, found in missed.items():
        print(f"{line}: {'; '.join(found)}", file=sys.stderr)
    return 1 if missed else 0


async def _means(folder: Path, names: Sequence[str], options: argparse.Namespace) -> dict[str, tuple[Seen, Seen]]:
    """Line → (virtual player, hls.js), means of the runs."""
    seconds, runs = options.seconds - 5, options.runs
    found = await asyncio.gather(*(compare(folder, LINES[name], seconds, runs, options.chromium) for name in names))
    rows = {}
    for name, pairs in zip(names, found, strict=True):
        rows[name] = (mean([own for own, _, _ in pairs]), mean([theirs for _, theirs, _ in pairs]))
        for own, theirs, waited_s in pairs:
            print(f"{name}: virtual {own}\n{name}: hls.js  {theirs}", file=sys.stderr)
            print(f"{name}: the browser waited {waited_s:.1f} s for a CPU", file=sys.stderr)
    return rows


if __name__ == "__main__":
    sys.exit(main())
