"""What an image of Seaway runs: a server as TensorFlow Serving's image starts it, or a replica of a deployment.

The arguments of `docker run IMAGE …` are TensorFlow Serving's flags, and `MODEL_NAME` and `MODEL_BASE_PATH` say
which model is served unless a flag does. With `SEAWAY_FOLLOW` set, by `seaway deploy`, it is `seaway serve` that
takes the arguments.

Source: tensorflow_serving/tools/docker/Dockerfile, tf_serving_entrypoint.sh.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

FOLLOW = "SEAWAY_FOLLOW"


def command(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return which command runs with which arguments. Pure."""
    if environment.get(FOLLOW):
        return "seaway", ["serve", *arguments]
    name = environment.get("MODEL_NAME", "model")
    base = environment.get("MODEL_BASE_PATH", "/models")
    first = ["--port=8500", "--rest_api_port=8501", f"--model_name={name}", f"--model_base_path={base}/{name}"]
    return "tensorflow_model_server", [*first, *arguments]


def main() -> int:
    """Run it, in this process: the first one of a container gets the signals."""
    program, arguments = command(sys.argv[1:], os.environ)
    if program == "seaway":
        from seaway.cli.main import run  # noqa: PLC0415 - one of the two

        return run(arguments)
    from seaway.cli.tensorflow_model_server.command import run as run_model_server  # noqa: PLC0415

    return run_model_server(arguments, os.environ)


if __name__ == "__main__":
    sys.exit(main())
