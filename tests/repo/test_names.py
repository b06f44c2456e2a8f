"""Modules are named for what they are, and packages stay light to import."""

import ast
from importlib.metadata import packages_distributions
from pathlib import PurePosixPath

SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers"}


def test_no_module_has_a_name_that_says_nothing(sources, test_files):
    words = {name: set(PurePosixPath(name).stem.split("_")) | set(PurePosixPath(name).parent.parts) for name in sources}
    assert not {name for name, found in words.items() if found & SAY_NOTHING}
    assert not {name for name in test_files if PurePosixPath(name).stem in SAY_NOTHING}


def test_packages_hold_a_docstring_and_no_import(sources):
    for name, (_, tree) in sources.items():
        if name.endswith("__init__.py"):
            assert ast.get_docstring(tree), f"{name} has no docstring"
            assert len(tree.body) == 1, f"{name} holds more than its docstring"


def test_every_folder_of_source_is_a_package(sources):
    folders = {str(PurePosixPath(name).parent) for name in sources}
    assert not {folder for folder in folders if f"{folder}/__init__.py" not in sources}


def test_no_packages_below_tests(test_files):
    assert not [name for name in test_files if name.endswith("__init__.py")]


def test_no_installed_distribution_owns_our_names(packages):
    owners = packages_distributions()
    assert not {name: owners[name] for name in (*packages, "tests") if name in owners}
