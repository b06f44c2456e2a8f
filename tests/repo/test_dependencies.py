"""Each package that pyproject.toml declares is imported by the source, or is listed with the reason why it is not."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions


def normalised(requirement: str) -> str:
    """The name in a requirement, as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def imported_modules(trees):
    """The first names of all modules that are imported, at the top of a file or inside a function."""
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node.module.partition(".")[0]


def test_each_declared_package_is_imported(files, sources, exceptions):
    project = tomllib.loads(files["pyproject.toml"].read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    declared = {normalised(one) for group in (project["dependencies"], *extras) for one in group}
    modules = set(imported_modules(tree for _, tree in sources.values())) | {"google"}  # by the stubs in rpc/v1
    packages = packages_distributions()
    # A package that is not installed here, as an extra that the lock files leave out, is known by its module's name.
    imported = {normalised(name) for module in modules for name in packages.get(module, (module,))}
    assert declared - imported == set(exceptions["not_imported"]), "declared and not imported, or excepted for nothing"
    assert all(exceptions["not_imported"].values()), "an exception without a reason"


def test_names_are_compared_as_package_indexes_do():
    assert [normalised(one) for one in ("SQLAlchemy[asyncio]>=2.1", "google_re2>=1", "a.b==1")] == [
        "sqlalchemy", "google-re2", "a-b",
    ]  # fmt: skip
