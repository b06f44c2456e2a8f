"""Full-text search over titles with typo tolerance, on an index of its own."""
