"""The control plane: the fleet's desired state, pushed to edges."""
