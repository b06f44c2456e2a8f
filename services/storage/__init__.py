"""The services' storage: database locations, group commit, secret files."""
