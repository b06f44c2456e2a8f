"""The operators' port: the admin API, metrics, and explanations of what happens to a request."""
