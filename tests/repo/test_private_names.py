"""No test reaches for a private name: it would hold on to how a thing is made, and pass when what it does is wrong."""

import ast

import pytest

PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit"}
"""Of the standard library, in spite of the underscore."""


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def private_names(tree):
    """Lines that import or reach for a private name which the file does not define itself."""
    nodes = list(ast.walk(tree))
    own = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    own |= {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value)
    }
    for node in nodes:
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            if not _is_self(node.value):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.module.startswith("__"):
            yield from (node.lineno for name in node.names if is_private(name.name))


def _is_self(node):
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_no_test_reaches_for_a_private_name(test_files, exceptions, check_exceptions):
    found = {name: len(list(private_names(tree))) for name, (_, tree) in test_files.items()}
    check_exceptions({name: count for name, count in found.items() if count}, exceptions["private_names"])


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("assert cache._index == {}", [1]),
        ("from edge.app import _start", [1]),
        ("from edge.app import start\nstart()._stop()", [2]),
        ("pair._replace(a=1)", []),
        ("class A:\n    def __init__(self, other):\n        self._a = other._a", []),
        ("class A:\n    def b(self):\n        return self._inherited", []),
        ("x.__class__", []),
    ],
)
def test_what_counts_as_private(code, lines):
    assert list(private_names(ast.parse(code))) == lines
