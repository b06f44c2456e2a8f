"""No module imports another that leads back to it: what stands in a circle can only be read, tested and moved together.

Imports for types alone and within functions count too: the reader follows them all the same.
"""

import ast


def imported(tree, modules, package):
    """The modules of ours that this one imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & modules) or {node.module}
    return {name for name in found if name in modules and name != package}


def circles(graph):
    """The groups of modules that all lead to one another (Tarjan), each sorted."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def test_no_import_leads_back_to_where_it_began(sources, exceptions, check_exceptions):
    trees = {
        name.removesuffix("/__init__.py").removesuffix(".py").replace("/", "."): tree
        for name, (_, tree) in sources.items()
    }
    graph = {name: imported(tree, trees.keys(), name) for name, tree in trees.items()}
    check_exceptions({" ".join(group): 1 for group in circles(graph)}, exceptions["import_circles"])


def test_a_circle_is_found_whole_and_a_shared_import_is_none():
    graph = {"a": {"b", "d"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"e", "a"}}
    assert circles(graph) == [["a", "b", "c"]]


def test_imports_for_types_and_within_functions_count():
    text = "if TYPE_CHECKING:\n    from a.b import C\ndef f():\n    import a.d\nfrom a import e\n"
    assert imported(ast.parse(text), {"a", "a.b", "a.d", "a.e"}, "a.f") == {"a.b", "a.d", "a.e"}
