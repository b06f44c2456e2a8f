"""The fleet's desired state: immutable resources, changes, differences, history. Pure."""
