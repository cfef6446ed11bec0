"""Where model versions can come from."""
