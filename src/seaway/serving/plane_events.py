"""Acts on what the plane reports: what clients ask of the manager, workers that hung up, lines for the log."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable

from seaway import errors, protos
from seaway._core import Plane
from seaway.errors import SeawayError, Unavailable
from seaway.serving.served import ServedVersions
from seaway.settings.model_config import ModelList, read_model_list

log = logging.getLogger(__name__)
plane_log = logging.getLogger("seaway.plane")

Reload = Callable[[ModelList], "SeawayError | None"]
SetBatching = Callable[[str, str], None]
_WAIT_S = 0.5
_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class PlaneEvents:
    """Takes the plane's events one after another; what has to be answered waits in a thread of its own."""

    def __init__(self, plane: Plane, served: ServedVersions, reload: Reload, set_batching: SetBatching) -> None:
        """Take nothing yet."""
        self._plane = plane
        self._served = served
        self._reload = reload
        self._set_batching = set_batching

    def run(self, stop: threading.Event) -> None:
        """Take events until told to stop."""
        while not stop.is_set():
            text = self._plane.next_event(_WAIT_S)
            if text is None:
                continue
            try:
                self._take(json.loads(text))
            except Exception:
                log.exception("an event of the plane failed unexpectedly")

    def _take(self, event: dict[str, object]) -> None:
        match event:
            case {"event": "reload", "id": int(id_), "request": str(request)}:
                self._answer(id_, "a reload", lambda: self._reload(_model_list(request)))
            case {"event": "set_batching", "id": int(id_), "model": str(model), "parameters": str(parameters)}:
                self._answer(id_, "a change of batching", lambda: self._set_batching(model, parameters))
            case {"event": "channel_closed", "channel": int(channel)}:
                served = self._served.on_channel(channel)
                if served is not None:
                    served.on_lost(Unavailable(f"the worker of {served.id} hung up"))
            case {"event": "log", "level": str(level), "message": str(message)}:
                plane_log.log(_LEVELS[level], "%s", message)

    def _answer(self, id_: int, what: str, act: Callable[[], SeawayError | None]) -> None:
        threading.Thread(target=self._act, args=(id_, what, act), name=what, daemon=True).start()

    def _act(self, id_: int, what: str, act: Callable[[], SeawayError | None]) -> None:
        try:
            error = act()
        except SeawayError as err:
            error = err
        except Exception:
            log.exception("%s failed unexpectedly", what)
            error = errors.Internal("internal error; see the server's log")
        if error is not None:
            log.warning("%s ended with %s: %s", what, error.name, error.message)
        self._plane.reply(id_, error.code if error else errors.OK, error.message if error else "")


def _model_list(request: str) -> ModelList:
    message = protos.message("tensorflow.serving.ReloadConfigRequest")()
    message.ParseFromString(base64.b64decode(request))
    return read_model_list(message.config)
