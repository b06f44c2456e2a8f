"""What all programs share as processes that serve HTTP: doors, descriptors, file modes."""
