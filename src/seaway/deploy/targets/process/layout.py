"""Where the files of a deployment by processes lie.

    STATE/process/
      supervisord.conf supervisord.pid        the keeper
      programs/NAME.conf                      what it keeps alive: one for each replica, and `ingress.conf`
      replicas/NAME.json                      what each replica was made from (`replica.py`)
      ingress.json monitor.json               what ingress and monitor were made from
      traefik/static.yaml rotation/           Traefik's settings, and the replicas that get requests
      secrets/                                tokens, the TLS key and the monitor's, readable by this user only
      logs/                                   of everything, rotated
    STATE/monitor/                            what the monitor has kept, which a new one goes on with

The keeper's socket lies in the directory for temporary files: the path of a unix socket may be no longer than 107
bytes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from seaway.deploy.state import MONITOR

INGRESS = "ingress"


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one deployment."""

    project: str
    state: Path

    @property
    def root(self) -> Path:
        """Everything but the socket."""
        return self.state / "process"

    @property
    def supervisord_conf(self) -> Path:
        """The keeper's settings."""
        return self.root / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """The keeper's socket, in a directory that only this user may enter."""
        name = hashlib.sha256(str(self.state).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"seaway-{os.getuid()}" / f"{name}.sock"

    @property
    def programs(self) -> Path:
        """What the keeper keeps alive."""
        return self.root / "programs"

    @property
    def replicas(self) -> Path:
        """What replicas were made from."""
        return self.root / "replicas"

    @property
    def ingress(self) -> Path:
        """What the ingress was made from."""
        return self.root / "ingress.json"

    @property
    def monitor(self) -> Path:
        """What the monitor was made from."""
        return self.root / "monitor.json"

    @property
    def monitor_records(self) -> Path:
        """What the monitor has kept."""
        return self.state / MONITOR

    @property
    def traefik(self) -> Path:
        """Traefik's static settings."""
        return self.root / "traefik" / "static.yaml"

    @property
    def rotation(self) -> Path:
        """The file of replicas that get requests, in a directory that Traefik watches."""
        return self.root / "traefik" / "rotation" / "replicas.yaml"

    @property
    def secrets(self) -> Path:
        """Files for this user's eyes only."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """What everything writes."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """Return the log of a replica, or of the ingress."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make every directory."""
        for directory in (self.programs, self.replicas, self.rotation.parent, self.logs):
            directory.mkdir(parents=True, exist_ok=True)
        for directory in (self.secrets, self.socket.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
