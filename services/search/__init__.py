"""Full-text search over the titles, forgiving typos, on an index of its own."""
