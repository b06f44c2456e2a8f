"""`make check`: format, lint, types, import contracts, generated files. Runs all steps; one exit code."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = (
    ("format", ("-m", "ruff", "format", "--check", ".")),
    ("lint", ("-m", "ruff", "check", ".")),
    ("types", ("-m", "mypy")),
    ("import contracts", ("-c", "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())")),
    ("docs of settings and counters", ("-m", "tools.docs", "--check")),
)
PROTO = Path("rpc/v1/control.proto")


def stubs_are_fresh() -> bool:
    """Whether the committed gRPC stubs match what protoc generates from the .proto file."""
    with tempfile.TemporaryDirectory() as folder:
        out = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        made = subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", *out, str(PROTO)], check=False)
        fresh = list((Path(folder) / PROTO.parent).glob("*"))
        return made.returncode == 0 and all(p.read_bytes() == (PROTO.parent / p.name).read_bytes() for p in fresh)


def main() -> int:
    """Run all steps. Returns 1 if any failed."""
    failed = []
    for name, arguments in STEPS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, *arguments], check=False).returncode:
            failed.append(name)
    print("== gRPC stubs", flush=True)
    if not stubs_are_fresh():
        failed.append("gRPC stubs (run `make proto`)")
    print(f"check failed: {', '.join(failed)}" if failed else "check passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
