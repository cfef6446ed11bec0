"""Converts the signatures of one SavedModel to ONNX files: `python -m seaway.engines.onnx_conversion JOB`.

A process of its own, because tf2onnx imports TensorFlow: what that takes in time and memory is given back when the
process ends, and a crash costs one conversion. The job is JSON: `path`, `signatures`, `tags`, `out`. It writes one file
for each signature and a manifest that names them, with the reason for each signature that could not be converted.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from seaway import _core
from seaway.engines.onnx_cache import MANIFEST

_SHOWN_CHARACTERS = 300


def main(arguments: Sequence[str]) -> None:
    """Do the job."""
    _core.die_with_parent()
    job = json.loads(arguments[0])
    out = Path(job["out"])
    files: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for index, signature in enumerate(job["signatures"]):
        file = f"{index}.onnx"
        reason = _convert(job["path"], job["tags"], signature, out / file)
        if reason:
            left_out[signature] = reason
        else:
            files[signature] = file
    (out / MANIFEST).write_text(json.dumps({"files": files, "left_out": left_out}))


def _convert(path: str, tags: Sequence[str], signature: str, file: Path) -> str:
    """Convert one signature; return why that is impossible, or nothing."""
    from tf2onnx import convert  # noqa: PLC0415 - imports TensorFlow, which must not happen before the first line

    options = ["--saved-model", path, "--tag", ",".join(tags), "--signature_def", signature, "--output", str(file)]
    sys.argv = ["tf2onnx", *options]  # its command line is its documented interface
    try:
        convert.main()
    except (Exception, SystemExit) as err:
        traceback.print_exc()
        return f"{type(err).__name__}: {err}"[:_SHOWN_CHARACTERS]
    return "" if file.is_file() else "the converter wrote nothing"


if __name__ == "__main__":
    main(sys.argv[1:])
