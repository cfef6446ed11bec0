"""Try what `make dist` built as a user gets it: `python tools/check_dist.py --model DIRECTORY [--dist DIRECTORY]`.

The wheel goes into a virtual environment of its own, with the packages that the index has today. From another directory
than the checkout it serves a SavedModel on free ports, which is asked over REST and over gRPC; every answer has to be
exact. The source distribution has to hold all that a build reads and nothing else; `--sdist` also builds a wheel from
it, which takes as long as the first build. Needs nothing but Python. Ends with 1 and one line when something is wrong,
and leaves no process and no file behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL = "half_plus_two"
ASKED, ANSWERED = [[1.0], [2.0], [5.0]], [[2.5], [3.0], [4.5]]
INSTALL_S = 1800.0
BUILD_S = 3600.0
START_S = 180.0
END_S = 60.0
ASK_S = 60.0
_MIB = 2**20

NEEDED = ("PKG-INFO", "Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "pyproject.toml")
TREES = ("crates", "proto", "src")
"""What Git tracks below these has to be in the source distribution, apart from `LEFT_OUT`, and nothing else may be."""
LEFT_OUT = re.compile(r"crates/plane/fuzz/.*|.*/\.gitignore")
"""The fuzz targets are no members of the workspace."""


class Wrong(Exception):
    """What was built is not what it should be."""


def main() -> int:
    """Run every check; print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where wheel and source distribution lie")
    parser.add_argument("--model", type=Path, required=True, help=f"the SavedModel {MODEL}: a directory of versions")
    parser.add_argument(
        "--extra", default="tensorflow", help="the extra that brings the engine: tensorflow or openvino"
    )
    parser.add_argument("--sdist", action="store_true", help="also build a wheel from the source distribution")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs is ended, and the files go
    try:
        wheel, sdist = only(options.dist, "seaway-*.whl"), only(options.dist, "seaway-*.tar.gz")
        if options.model.name != MODEL or not any(options.model.glob("[0-9]*/saved_model.pb")):
            raise Wrong(f"--model {options.model} is not the directory {MODEL} with a version of it")
        check_wheel(wheel)
        check_sdist(sdist)
        with tempfile.TemporaryDirectory(prefix="seaway-dist-") as scratch:
            installed = Installed(Path(scratch), wheel, options.extra)
            installed.check_origin()
            check_serving(installed, options.model.resolve(), options.extra)
            if options.sdist:
                check_build(installed, sdist)
    except Wrong as err:
        print(f"check_dist: {err}", file=sys.stderr)
        return 1
    print("what was built works")
    return 0


def only(directory: Path, pattern: str) -> Path:
    """Return the one file that fits. Raises: Wrong - there is none, or several."""
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise Wrong(f"{directory} should hold one {pattern}, and holds {names}; `make dist` builds it")
    return found[0].resolve()


def check_wheel(wheel: Path) -> None:
    """Look at the wheel's name and content. Raises: Wrong - it is for one Python only, or lacks something."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist()}
    if "-abi3-" not in wheel.name:
        raise Wrong(f"{wheel.name} is for one version of Python; abi3 is for all from 3.10")
    for needed in ("seaway/_core.abi3.so", "seaway/py.typed", "seaway/_core.pyi"):
        if needed not in sizes:
            raise Wrong(f"{wheel.name} lacks {needed}")
    if not any(name.endswith("LICENSE") for name in sizes):
        raise Wrong(f"{wheel.name} lacks the license")
    strange = [name for name in sizes if not name.startswith("seaway") or "__pycache__" in name]
    if strange:
        raise Wrong(f"{wheel.name} holds what does not belong there: {listed(strange)}")
    core = sizes["seaway/_core.abi3.so"] / _MIB
    print(f"{wheel.name}: {wheel.stat().st_size / _MIB:.1f} MiB, {len(sizes)} files; the data plane {core:.1f} MiB")


def check_sdist(sdist: Path) -> None:
    """Hold the source distribution against what Git tracks. Raises: Wrong - it lacks something, or has too much."""
    with tarfile.open(sdist) as archive:
        members = {each.name.partition("/")[2] for each in archive.getmembers() if each.isfile()}
    tracked = set(
        subprocess.run(
            ["git", "ls-files", "-z", *TREES], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
    )
    expected = {*NEEDED, *(each for each in tracked if each and not LEFT_OUT.fullmatch(each))}
    if lacking := expected - members:
        raise Wrong(f"{sdist.name} lacks {listed(lacking)}")
    if surplus := members - expected:
        raise Wrong(f"{sdist.name} holds what no build reads: {listed(surplus)}")
    print(f"{sdist.name}: {sdist.stat().st_size / _MIB:.1f} MiB, {len(members)} files: all that a build reads, no more")


class Installed:
    """The wheel in a virtual environment of its own."""

    def __init__(self, scratch: Path, wheel: Path, extra: str) -> None:
        """Make the environment. Raises: Wrong - the wheel cannot be installed."""
        self.home = scratch / "home"
        self.home.mkdir()
        self._bin = scratch / "venv" / "bin"
        self._scratch = scratch
        # Nothing of the checkout or of the environment that this runs in may help.
        left_out = ("PYTHON", "SEAWAY_", "VIRTUAL_ENV", "CONDA_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        self.environment: Mapping[str, str] = {
            **kept,
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "XDG_STATE_HOME": str(scratch / "state"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        with timed(f"a clean environment with {extra} and client, from the index"):
            self.run([sys.executable, "-m", "venv", str(scratch / "venv")], INSTALL_S)
            quiet = ["--quiet", "--disable-pip-version-check"]
            self.run([self.program("python"), "-m", "pip", "install", *quiet, f"{wheel}[{extra},client]"], INSTALL_S)
        self.version = wheel.name.split("-")[1]

    def program(self, name: str) -> str:
        """Return the path of a program of the environment."""
        return str(self._bin / name)

    def run(self, command: list[str], limit_s: float = ASK_S) -> str:
        """Run a command away from the checkout; return what it prints. Raises: Wrong - it fails, or takes too long."""
        shown = " ".join([Path(command[0]).name, *command[1:]])
        try:
            ran = subprocess.run(
                command,
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Wrong(f"`{shown}` has not ended within {limit_s:.0f} s") from None
        if ran.returncode:
            raise Wrong(f"`{shown}` ended with {ran.returncode}:\n{(ran.stdout + ran.stderr)[-4000:].rstrip()}")
        return ran.stdout.strip()

    def check_origin(self) -> None:
        """Raises: Wrong - the programs say another version, or the package comes from elsewhere."""
        for name in ("seaway", "tensorflow_model_server"):
            if self.version not in (said := self.run([self.program(name), "--version"])):
                raise Wrong(f"`{name} --version` says {said!r}, the wheel is {self.version}")
        lines = "import seaway, seaway._core as core; print(seaway.__file__); print(core.__file__)"
        for origin in self.run([self.program("python"), "-c", lines]).splitlines():
            if not Path(origin).is_relative_to(self._scratch / "venv"):
                raise Wrong(f"`import seaway` takes {origin}, which is not of the clean environment")
        print(f"seaway {self.version}, imported from the clean environment")


def check_serving(installed: Installed, model: Path, engine: str) -> None:
    """Serve the model and ask it in every way. Raises: Wrong - an answer is another one, or the server does not end."""
    with timed("served, asked over REST and gRPC, ended"), serving(installed, model, engine) as ports:
        rest, grpc = ports["rest_address"], ports["grpc_address"]
        url = f"http://{rest}/v1/models/{MODEL}"
        same("the REST API", json.loads(http(f"{url}:predict", {"instances": ASKED})), {"predictions": ANSWERED})
        states = [each["state"] for each in json.loads(http(url))["model_version_status"]]
        same("the REST API, on the model's state", states, ["AVAILABLE"])
        for server in (rest, f"grpc://{grpc}"):
            command = [installed.program("seaway"), "predict", MODEL, "--input", f"x={ASKED}", "--server", server]
            same(f"`seaway predict --server {server}`", json.loads(installed.run(command)), ANSWERED)
        lines = f"from seaway import Client; print(Client({grpc!r}).predict({MODEL!r}, {ASKED}).tolist())"
        same("`seaway.Client`", json.loads(installed.run([installed.program("python"), "-c", lines])), ANSWERED)


@contextmanager
def serving(installed: Installed, model: Path, engine: str) -> Iterator[dict[str, str]]:
    """Yield the addresses of a server of the model that is ready; end it.

    Raises:  Wrong - it does not get ready, or does not end by itself.
    """
    ports, log = installed.home / "ports.json", installed.home / "server.log"
    command = [installed.program("seaway"), "serve", str(model), f"--engine={engine}", "--no-monitor"]
    command += ["--grpc-port=0", "--rest-port=0", "--grpc-address=127.0.0.1", "--rest-address=127.0.0.1"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, f"--ports-file={ports}"],
            cwd=installed.home,
            env=installed.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        found = awaited(lambda: json.loads(ports.read_text()), server, "listens")
        awaited(lambda: http(f"http://{found['rest_address']}/readyz"), server, "is ready")
        yield found
        server.terminate()
        try:
            code = server.wait(END_S)
        except subprocess.TimeoutExpired:
            raise Wrong(f"the server has not ended {END_S:.0f} s after SIGTERM") from None
        if code:
            raise Wrong(f"the server ended with {code} after SIGTERM")
    except Wrong as err:
        raise Wrong(f"{err}; its log:\n{log.read_text(errors='replace')[-4000:].rstrip()}") from None
    finally:
        if server.poll() is None:  # workers end with the connection to their server
            server.kill()
            server.wait()


def awaited(ask: Callable[[], dict[str, str] | bytes], server: subprocess.Popen[bytes], what: str) -> dict[str, str]:
    """Ask until there is an answer, as long as the server runs; return it. Raises: Wrong - there is none in time."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            answer = ask()
        except (OSError, ValueError, Wrong):
            if server.poll() is not None:
                raise Wrong(f"the server ended with {server.returncode} before it {what}") from None
            time.sleep(0.1)
        else:
            return answer if isinstance(answer, dict) else {}
    raise Wrong(f"{START_S:.0f} s have passed before the server {what}")


def http(url: str, body: object = None) -> bytes:
    """GET, or POST a body as JSON; return the answer. Raises: Wrong - it is a refusal; OSError - nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    try:
        # A proxy of the environment has no business with a server on this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, data, timeout=ASK_S) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as err:
        raise Wrong(f"{url} answered {err.code}: {err.read().decode(errors='replace')[:500]}") from None


def check_build(installed: Installed, sdist: Path) -> None:
    """Build a wheel from the source distribution, as pip does. Raises: Wrong - it cannot be built."""
    with timed("a wheel built from the source distribution"), tempfile.TemporaryDirectory() as built:
        pip = [installed.program("python"), "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        installed.run([*pip, "--no-deps", "--wheel-dir", built, str(sdist)], BUILD_S)
        check_wheel(only(Path(built), "seaway-*.whl"))


def same(who: str, answer: object, expected: object) -> None:
    """Raises: Wrong - the answer is another one."""
    if answer != expected:
        raise Wrong(f"{who} answered {answer!r}, and should have answered {expected!r}")


def listed(names: set[str] | list[str]) -> str:
    """Return the first names and how many more there are."""
    shown, more = sorted(names)[:5], len(names) - 5
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took, once it has worked."""
    begun = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
