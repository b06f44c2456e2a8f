"""A module is one concept: 300 lines is normal, up to 500 need a reason in the docstring; functions up to 40 lines."""

import ast

FILE_LINES, FILE_LINES_MOST, FUNCTION_LINES = 300, 500, 40


def functions(tree, prefix):
    """(name, lines) of every function, methods and nested ones too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{prefix}{node.name}", node.end_lineno - node.lineno + 1
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from functions(node, f"{prefix}{node.name}.")
        else:
            yield from functions(node, prefix)


def says_why_it_is_long(tree):
    """Whether the module's docstring gives the reason, in a sentence that starts with these words."""
    return "Over 300 lines because " in (ast.get_docstring(tree) or "").replace("\n", " ")


def test_files_are_short_or_say_why_they_are_not(sources):
    sizes = {name: text.count("\n") for name, (text, _) in sources.items()}
    assert not {name: size for name, size in sizes.items() if size > FILE_LINES_MOST}
    long = {name for name, size in sizes.items() if size > FILE_LINES}
    assert not {name for name in long if not says_why_it_is_long(sources[name][1])}


def test_test_files_are_not_too_long(test_files):
    sizes = {name: text.count("\n") for name, (text, _) in test_files.items()}
    assert not {name: size for name, size in sizes.items() if size > FILE_LINES_MOST}


def test_functions_are_short(sources, exceptions, check_exceptions):
    long = {}
    for path, (_, tree) in sources.items():
        long |= {f"{path}::{name}": lines for name, lines in functions(tree, "") if lines > FUNCTION_LINES}
    check_exceptions(long, exceptions["function_lines"])


def test_nested_functions_are_measured_too():
    tree = ast.parse("class A:\n    def f(self):\n        def g():\n            pass\n        return g\n")
    assert dict(functions(tree, "")) == {"A.f": 4, "A.f.g": 2}
