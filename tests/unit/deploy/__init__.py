"""Unit tests of seaway.deploy."""
