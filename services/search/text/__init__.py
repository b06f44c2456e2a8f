"""Text for search: folding, words, the forms of a title, and snippets. Pure."""
