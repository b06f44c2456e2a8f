"""The fleet's desired state: immutable resources, validated changes, deltas for edges. Pure."""
