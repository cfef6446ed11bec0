"""One table of requests and what must come back, run over gRPC and REST against a server."""
