"""The history of this service's tables, run by `system.database.migrations`."""
