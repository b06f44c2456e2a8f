"""No test sleeps for a time: it moves a clock, waits for an event, or polls a condition in a loop."""

import ast

import pytest

POLL_SECONDS_MOST = 0.1


def sleeps(tree, in_loop=False):
    """Lines with a call of `….sleep(constant)` that is neither 0 nor a short pause within a `while`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "sleep" and len(node.args) == 1:
            seconds = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if seconds and not (in_loop and seconds <= POLL_SECONDS_MOST):
                yield node.lineno
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from sleeps(node, (in_loop and not is_function) or isinstance(node, ast.While))


def _name(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_test_sleeps(test_files):
    found = {name: list(sleeps(tree)) for name, (_, tree) in test_files.items()}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("time.sleep(1)", [1]),
        ("async def f():\n    await asyncio.sleep(0.05)", [2]),
        ("sleep(2)", [1]),
        ("await_it(asyncio.sleep(0))", []),
        ("while not ready():\n    time.sleep(0.01)", []),
        ("while not ready():\n    time.sleep(3)", [2]),
        ("for _ in range(9):\n    time.sleep(0.01)", [2]),
        ("clock.sleep(until)", []),
    ],
)
def test_what_counts_as_sleeping(code, lines):
    assert list(sleeps(ast.parse(code))) == lines
