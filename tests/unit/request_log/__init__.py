"""Unit tests of seaway.request_log."""
