"""Bounds the threads of BLAS, before NumPy is loaded."""

from __future__ import annotations

import os


def bound_blas_threads() -> None:
    """Let BLAS use one thread, unless the environment says otherwise.

    A list's matrices are too small to share, and threads that wait for each other on a busy machine cost tenfold.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
