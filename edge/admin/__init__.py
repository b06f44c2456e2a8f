"""The operators' port: admin API, metrics, and why a request was answered as it was."""
