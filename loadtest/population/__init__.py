"""Who watches what, when, for how long, on which device and line: seeded draws, no I/O, sources in the docstrings."""
