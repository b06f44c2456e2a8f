"""`python -m tools.eval_recommend FOLDER`: our models and others, on the same splits in the same run.

FOLDER holds MovieLens' ratings.csv, which is no part of this project.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.training.bounded_blas import bound_blas_threads


def main(argv: Sequence[str]) -> int:
    """Print the tables. Returns 2 where there are no ratings."""
    parser = argparse.ArgumentParser(prog="python -m tools.eval_recommend")
    parser.add_argument("folder", type=Path, help="folder of a MovieLens data set, with its ratings.csv")
    folder = parser.parse_args(argv).folder
    if not (folder / "ratings.csv").is_file():
        print(f"{folder} has no ratings.csv: name the folder of a MovieLens data set", file=sys.stderr)
        return 2
    bound_blas_threads()
    from tools.eval_recommend.comparison import compare
    from tools.eval_recommend.ratings import read_ratings

    found = read_ratings(folder, 10)
    print(
        f"{len(found)} ratings of {len(found.users)} viewers and {len(found.items)} titles (10 ratings each at least)"
    )
    for line in compare(found):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
