"""A node of several processes: a supervisor, the owner of the cache, and workers that serve from its files."""
