"""Unit tests of targets."""
