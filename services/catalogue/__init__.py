"""Titles and where they may be watched: the owner of both, with a change log others follow."""
