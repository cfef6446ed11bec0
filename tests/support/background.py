"""A server of the standard library that answers in a thread of its own while a test asks it, and ends at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import HTTPServer

POLL_S = 0.01
"""How often the server looks whether it is to end; the library's half a second would be spent by every test."""


@contextmanager
def answering(server: HTTPServer) -> Iterator[str]:
    """Let it answer at this URL; its socket is closed afterwards."""
    end = answer(server)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        end()


def answer(server: HTTPServer) -> Callable[[], None]:
    """Let it answer until what is returned is called, which also closes its socket."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()

    def end() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return end
