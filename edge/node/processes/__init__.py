"""The processes of a node: who starts them, what they are told, and how a successor takes their sockets over."""
