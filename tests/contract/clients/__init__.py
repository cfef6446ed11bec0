"""One suite for every client of a model server."""
