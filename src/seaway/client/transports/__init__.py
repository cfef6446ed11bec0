"""The four ways to carry an exchange: gRPC and REST, each blocking and for an event loop.

The libraries that do it, grpcio and httpx, are imported with the first connection of their API, and only there.
"""
