"""The control plane: the desired state, pushes to edges, purges, rollouts, routing (see README.md)."""
