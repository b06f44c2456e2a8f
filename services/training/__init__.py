"""Training of recommendations as a process of its own, and the commands about it."""
