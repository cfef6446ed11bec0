"""Unit tests of a target."""
