"""The durable queue of ingest jobs: their states, their graph of steps, and the workers that run it."""
