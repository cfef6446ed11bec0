"""Logs and commands of a container on this terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import docker
from docker.models.containers import Container


def log_lines(container: Container, follow: bool, tail: int) -> Iterator[str]:
    """Yield the lines of a container's log, and those to come where asked."""
    left = b""
    for chunk in container.logs(stream=True, follow=follow, tail=tail):
        *lines, left = (left + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if left:
        yield left.decode(errors="replace")


def execute(client: docker.DockerClient, container: Container, command: Sequence[str]) -> int:
    """Run a command in a container with its output on this terminal; return its exit code.

    It gets no input: what has to be typed needs `docker exec -it`.
    """
    made = client.api.exec_create(container.id, list(command), stdout=True, stderr=True)
    for out, err in client.api.exec_start(made["Id"], stream=True, demux=True):
        for text, stream in ((out, sys.stdout), (err, sys.stderr)):
            if text:
                os.write(stream.fileno(), text)
    return int(client.api.exec_inspect(made["Id"])["ExitCode"] or 0)
