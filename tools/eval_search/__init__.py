"""`make eval-search`: how well search finds films, besides plain Tantivy, SQLite FTS5 and pg_trgm in the same run."""
