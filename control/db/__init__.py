"""Control's database: tables, migrations, one writer, and what replicas tell one another."""
