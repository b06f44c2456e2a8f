"""Fetching objects before players request them: next segments and hot titles, within a budget."""
