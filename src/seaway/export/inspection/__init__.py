"""What is in a version, read from its files: no framework is imported, and nothing is loaded or run."""

from __future__ import annotations
