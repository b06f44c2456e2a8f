"""The search index: its schema, its rows in memory, its files, and the queries of each stage."""
