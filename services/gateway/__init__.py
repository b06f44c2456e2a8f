"""The gateway: pages and posters for viewers, a proxy to the origin, redirects to the edges."""
