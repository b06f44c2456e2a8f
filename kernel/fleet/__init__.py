"""The messages, jobs, hot lists, identities and signatures that control and nodes exchange. Pure."""
