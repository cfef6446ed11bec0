"""`tensorflow_model_server`: TensorFlow Serving's command line in front of Seaway.

Start scripts, Docker entry points and Helm charts that exist must keep working, so names, defaults, parsing rules, exit
codes and the few fixed texts are TensorFlow Serving's. `flags` is the table of all 48, `parse` reads a command line,
`mapping` turns the result into settings, `command` runs it.
"""

from __future__ import annotations

from seaway.cli.tensorflow_model_server.command import main

__all__ = ["main"]
