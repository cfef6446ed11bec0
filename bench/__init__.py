"""Measurements of a whole server on this machine: `make bench`, explained in docs/benchmarks.md.

Everything here starts real processes and prints what it saw; nothing passes or fails by a time.
"""
