"""Settings as tables: types, command line, routes, live settings."""
