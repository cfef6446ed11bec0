"""Unit tests of seaway.monitor.top."""
