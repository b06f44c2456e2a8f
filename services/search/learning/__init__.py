"""What search learns from viewers and operators: clicks, trends, pins, synonyms, queries without results."""
