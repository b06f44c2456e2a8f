"""The gateway: viewer pages, posters, and requests passed on to the origin or redirected to an edge."""
