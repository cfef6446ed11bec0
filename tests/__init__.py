"""All tests: unit, conformance and end to end, and the models they serve."""
