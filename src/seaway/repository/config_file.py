"""Reads the model config file again and again, and hands on what has changed.

A file that is broken leaves what is served as it is and is reported once, not at every look.

Source: tensorflow_serving/model_servers/server.cc, PollFilesystemAndReloadConfig (which reloads at every look).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from seaway import errors
from seaway.clock import Clock
from seaway.settings.model_config import ModelList, read_model_config_file

log = logging.getLogger(__name__)

Reload: TypeAlias = Callable[[ModelList], "errors.SeawayError | None"]


class ConfigFilePoller:
    """Remembers the file as it was last read."""

    def __init__(self, path: Path, served: ModelList, reload: Reload) -> None:
        """Start from the list that is served already."""
        self._path = path
        self._served = served
        self._reload = reload
        self._complaint = ""

    def look(self) -> None:
        """Read the file once; apply it if it says something else than before."""
        try:
            read = read_model_config_file(self._path)
        except errors.SeawayError as err:
            self._complain(err.message)
            return
        if read == self._served:
            self._complaint = ""
            return
        self._served = read
        for warning in read.warnings:
            log.warning("%s", warning)
        log.info("%s has changed, applying it", self._path)
        error = self._reload(read)
        self._complaint = ""
        if error:
            self._complain(f"{self._path} was not applied as a whole: {error.message}")

    def run(self, wait_s: float, stop: threading.Event, clock: Clock) -> None:
        """Look every `wait_s` seconds until told to stop."""
        while not clock.wait(stop, wait_s):
            try:
                self.look()
            except Exception:
                log.exception("applying %s failed unexpectedly", self._path)

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            log.error("%s", text)
        self._complaint = text
