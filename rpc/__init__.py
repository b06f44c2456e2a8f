"""The wire between programs: protobuf messages and gRPC stubs."""
