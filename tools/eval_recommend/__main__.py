"""`python -m tools.eval_recommend [FOLDER] [--quick]`: our models beside others, on the same splits in the same run.

FOLDER holds MovieLens' ratings.csv and movies.csv, which are no part of this project.
"""

from __future__ import annotations

import sys
from pathlib import Path

from services.training.bounded_blas import bound_blas_threads

DEFAULT = Path("../shared/data/ml-latest-small")


def main() -> int:
    """Print the tables. Returns 2 where there are no ratings."""
    bound_blas_threads()
    from tools.eval_recommend.comparison import compare
    from tools.eval_recommend.ratings import read_ratings

    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    folder = Path(words[0]) if words else DEFAULT
    if not (folder / "ratings.csv").is_file():
        print(f"{folder} has no ratings.csv: name the folder of a MovieLens data set", file=sys.stderr)
        return 2
    found = read_ratings(folder, 10)
    print(
        f"{len(found)} ratings of {len(found.users)} viewers and {len(found.items)} titles (10 ratings each at least)"
    )
    for line in compare(found):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
