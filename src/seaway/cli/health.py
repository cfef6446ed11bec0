"""`python -m seaway.cli.health [PATH PORT]`: exit code 0 when what runs in this container is ready; for health checks.

Without arguments it asks a server whether it is. It imports next to nothing: it runs every two seconds.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

_TIMEOUT_S = 2.0
_DEFAULT_PORT = "8501"


def main(arguments: Sequence[str] = ()) -> int:
    """Ask; return the exit code."""
    path, port = arguments or ("/readyz", os.environ.get("SEAWAY_REST_PORT") or _DEFAULT_PORT)
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=_TIMEOUT_S) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            status = connection.recv(64)
    except OSError as err:
        print(err)
        return 1
    print(status.split(b"\r\n")[0].decode(errors="replace"))
    return 0 if b" 200 " in status else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
