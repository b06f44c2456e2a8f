"""The history of control's tables, run by `control.db.migrate`."""
