"""Experiments on lists, rows and pages: who is in which arm, what it came to, and what another policy would earn."""
