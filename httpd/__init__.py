"""What all programs share as processes that serve HTTP: doors, connections, descriptors."""
