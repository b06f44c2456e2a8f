"""The services as a member of a fleet: their identity, signing key and licences, as control sees them."""
