"""The history of control's tables, run by `system.database.migrations`."""
