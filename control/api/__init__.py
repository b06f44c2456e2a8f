"""Control's HTTP API for operators: one module a subject, one table of routes."""
