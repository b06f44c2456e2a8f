"""The target's own figures during a run: requests, hits, bytes, CPU and memory of each node that we may ask."""
