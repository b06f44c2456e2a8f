"""Who imports whom, as pyproject.toml says it."""

import ast
import re
import subprocess
import sys
import tomllib


def test_the_import_contracts_are_kept(root):
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_module_of_the_edge_that_says_it_is_pure_is_held_to_it(root, sources):
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    held = next(set(c["source_modules"]) for c in contracts if c["name"].startswith("The pure modules of the edge"))
    says = re.compile(r"\bPure\b(?! decisions)")
    pure = {name for name, (_, tree) in sources.items() if says.search(ast.get_docstring(tree) or "")}
    found = {name.removesuffix(".py").replace("/", ".") for name in pure if name.startswith("edge/")}
    assert found == held
