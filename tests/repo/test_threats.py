"""docs/threats.md names tests; each of them exists, so that no line outlives what shows it."""

import ast
import re

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_threats_name_exists(files, test_files):
    named = set(NAMED.findall(files["docs/threats.md"].read_text(encoding="utf-8")))
    assert named
    defined = {
        (path, node.name)
        for path, (_, tree) in test_files.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert not named - defined
