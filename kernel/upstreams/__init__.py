"""Which upstream a key belongs to, and which are left out. Pure."""
