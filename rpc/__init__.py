"""The wire between the programs: gRPC definitions, their stubs, and the clients that hide them (see README.md)."""
