"""The ingest service of the origin: its API, its upkeep, and what it tells other programs."""
