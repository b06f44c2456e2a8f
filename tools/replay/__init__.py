"""`matinee replay`: the edge's cache over a trace of requests."""
