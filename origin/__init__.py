"""The origin: ingest, encode, package, library, serve."""
