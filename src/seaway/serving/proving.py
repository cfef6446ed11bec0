"""Whether a version answers as it was recorded to, before anybody else may ask it.

Recorded answers are binding where an exporter says so (`assets.extra/seaway.json`), and where an engine stands in for
TensorFlow, since there is nothing else that tells whether it computes the same. A warm-up file by itself is not: in
TensorFlow Serving's own, answers are whatever was logged with a request.
"""

from __future__ import annotations

import logging
from pathlib import Path

from seaway._core import Plane
from seaway.errors import FailedPrecondition, SeawayError
from seaway.proof.agreement import TOLERANCES
from seaway.proof.passport import Passport, read_passport
from seaway.proof.replay import Ask, check_complete, recorded_answers, replay
from seaway.proof.warmup import WARMUP_FILE, read_warmup_records
from seaway.serving.instance import as_seaway_error
from seaway.settings.models import Proof

log = logging.getLogger(__name__)


def prove(proof: Proof, ask: Ask, path: Path, *, is_stand_in: bool) -> str:
    """Replay the recorded answers of a version where they are binding; return what came of it, for the status.

    Raises:  SeawayError - with `require`: an answer differs, or the records cannot be read or are not all there.
    """
    if proof == "off" or not (is_stand_in or _is_exported(path)):
        return ""
    try:
        return _proven(ask, path, is_stand_in)
    except SeawayError as err:
        if proof == "require":
            raise
        log.warning("%s serves although %s", path, err.message)
        return f"not proven: {err.message}"


def asker(plane: Plane, channel: int) -> Ask:
    """Return what asks a version that has been brought up, on the path of requests."""

    def ask(request: bytes) -> bytes:
        with as_seaway_error():
            return plane.predict(channel, request)

    return ask


def _is_exported(path: Path) -> bool:
    try:
        return read_passport(path) is not None
    except SeawayError:
        return True  # it was meant to be, and what is wrong with it is said when it is read again


def _proven(ask: Ask, path: Path, is_stand_in: bool) -> str:
    passport = read_passport(path)
    recorded = recorded_answers(read_warmup_records(path))
    check_complete(passport, recorded)
    found = replay(recorded, ask, passport.tolerances if passport else TOLERANCES)
    if found.differences:
        more = f" (and {len(found.differences) - 1} more)" if len(found.differences) > 1 else ""
        raise FailedPrecondition(f"it answers otherwise than recorded: {found.differences[0]}{more}")
    return _told(passport, found.compared, is_stand_in)


def _told(passport: Passport | None, compared: int, is_stand_in: bool) -> str:
    absent = "TensorFlow is not installed"
    if not compared:
        why = f"{WARMUP_FILE} holds no request with its answer"
        return f"not proven: {absent}, and {why}" if is_stand_in else f"not proven: {why}"
    if is_stand_in:
        return f"{absent}; {compared} recorded answers came out the same, nothing else was proven"
    generated = passport is not None and passport.examples is not None and passport.examples.origin == "generated"
    return f"{compared} recorded answers came out the same" + (", to generated requests" if generated else "")
