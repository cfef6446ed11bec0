"""The page: what the store holds, live, in a browser."""
