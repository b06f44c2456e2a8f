"""The audit log: actions, entries, the HMAC chain and its keys. `control.db.audit_log` keeps it in the database."""
