"""Control's database: tables, migrations, the one writer, the audit log's rows, and notes between replicas."""
