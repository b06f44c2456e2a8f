"""SQL databases of the programs: an SQLite file by default, PostgreSQL when one machine is outgrown."""
