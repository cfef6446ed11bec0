"""`python -m seaway.worker FD NAME`: a worker started by itself, with its control socket open as descriptor FD."""

from __future__ import annotations

import signal
import socket
import sys

from seaway.worker.control import MessageSocket
from seaway.worker.main import run

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run(MessageSocket(socket.socket(fileno=int(sys.argv[1]))), sys.argv[2])
