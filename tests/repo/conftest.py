"""The files that the house rules are about."""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("kernel", "system", "cache", "rpc", "httpd", "edge", "origin", "control", "services", "tools", "loadtest")
LEFT_OUT = {".boot", ".venv", ".git", ".matinee", ".bench", "node_modules", "__pycache__"}


def _files() -> list[Path]:
    """Every file that is committed or would be; without git, every file that no tool has made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [p for p in ROOT.rglob("*") if not LEFT_OUT & set(p.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file())


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def packages():
    """Our top-level packages."""
    return PACKAGES


@pytest.fixture(scope="session")
def files():
    """All files of the repository, by path from its root."""
    return {path.relative_to(ROOT).as_posix(): path for path in _files()}


@pytest.fixture(scope="session")
def sources(files):
    """The program's own Python files, generated stubs left out: path -> (text, syntax tree)."""
    return _parsed({n: p for n, p in files.items() if n.split("/")[0] in PACKAGES and not n.startswith("rpc/v1/")})


@pytest.fixture(scope="session")
def test_files(files):
    """The tests' Python files: path -> (text, syntax tree)."""
    return _parsed({n: p for n, p in files.items() if n.startswith("tests/")})


def _parsed(files: dict[str, Path]) -> dict[str, tuple[str, ast.Module]]:
    texts = {name: path.read_text(encoding="utf-8") for name, path in files.items() if name.endswith(".py")}
    return {name: (text, ast.parse(text, name)) for name, text in texts.items()}


@pytest.fixture(scope="session")
def exceptions():
    """The lists of exceptions; each only ever shrinks."""
    return tomllib.loads((ROOT / "tests/repo/exceptions.toml").read_text(encoding="utf-8"))


@pytest.fixture
def check_exceptions():
    """Compare what breaks a rule (name -> size) with its list: nothing new, nothing grown, nothing stale."""

    def check(broken: dict[str, int], allowed: dict[str, int]) -> None:
        new = {name: size for name, size in broken.items() if size > allowed.get(name, 0)}
        assert not new, f"new or grown: {new}"
        stale = {name: size for name, size in allowed.items() if broken.get(name, 0) < size}
        assert not stale, f"smaller than listed in exceptions.toml (now {[broken.get(n) for n in stale]}): {stale}"

    return check
