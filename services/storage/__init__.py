"""The services' storage: databases, group commit, secret files."""
