"""From figures measured on one node to a whole platform: `matinee plan`, which names every assumption."""
