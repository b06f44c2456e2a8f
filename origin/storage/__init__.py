"""Published titles in the object store, and the index of what is published."""
