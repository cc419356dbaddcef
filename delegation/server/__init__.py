"""The gRPC server: thin handlers, interceptors, configuration, lifecycle."""
