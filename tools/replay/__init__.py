"""`matinee replay`: replay a trace of requests through the edge's cache."""
