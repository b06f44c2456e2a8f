"""What all services share of HTTP: routes as a table, problems, callers, places."""
