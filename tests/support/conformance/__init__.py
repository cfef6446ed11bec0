"""The table of requests and answers that is run over gRPC and REST, and what it is applied to."""
