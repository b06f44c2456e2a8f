"""How services keep data: SQLite, group commit, secret files."""
