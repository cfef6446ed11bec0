"""Unit tests of seaway.monitor."""
