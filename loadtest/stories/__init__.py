"""Stories, as TOML: a population, what happens to the platform while it watches, and what must hold."""
