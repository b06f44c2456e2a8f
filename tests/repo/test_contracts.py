"""Who imports whom, as pyproject.toml says it."""

import subprocess
import sys


def test_the_import_contracts_are_kept(root):
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
