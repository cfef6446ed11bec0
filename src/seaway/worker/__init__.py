"""The process that holds loaded versions, and how the manager launches, loads and retires it.

`process` is the manager's side, `forkserver` makes processes cheaply, `main` is what runs inside a worker, `control`
are the messages between them. `protocol`, `arena` and `hosted` are the data channel for engines that run in Python.
"""

from __future__ import annotations
