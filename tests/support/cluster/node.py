"""The node of a cluster: containerd and a real kubelet, with images that are handed over and none that are pulled."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.support.cluster import network
from tests.support.cluster.control_plane import ControlPlane, by_certificate
from tests.support.cluster.programs import CNI_PLUGINS, Program, run
from tests.support.eventually import true_soon

NAME = "node-1"
PAUSE_IMAGE = "seaway-test-pause:1"
"""What a pod's own container runs: it waits."""

_START_S = 120.0
_SYSCTLS = tuple(
    Path("/proc/sys", name)
    for name in (
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
    )
)
"""What a kubelet sets of the kernel; the machine has it back afterwards."""


@dataclass
class Node:
    """One machine of the cluster, in its network. All it writes lies in `directory`."""

    plane: ControlPlane
    directory: Path
    _running: list[Program] = field(init=False, default_factory=list)
    _kernel: dict[Path, str] = field(init=False, default_factory=dict)
    _networks: frozenset[str] = field(init=False, default=frozenset())

    def start(self) -> Node:
        """Start it, and wait until the cluster has it as ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._networks = _pod_networks()
        self._kernel = {file: file.read_text() for file in _SYSCTLS if file.exists()}
        self._start_containerd()
        self._start_kubelet()
        true_soon(self._is_ready, "the node is ready", _START_S)
        return self

    def add_images(self, docker_host: str, names: Sequence[str]) -> None:
        """Take images over from a Docker engine."""
        with subprocess.Popen(["/usr/bin/docker", "-H", docker_host, "save", *names], stdout=subprocess.PIPE) as save:
            command = [*self._ctr, "images", "import", "--all-platforms", "-"]
            ran = subprocess.run(command, stdin=save.stdout, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stderr.decode(errors="replace")

    def stop(self) -> None:
        """End it with all its pods, and leave nothing mounted."""
        for program in reversed(self._running[1:]):
            program.stop()
        if self._running:
            self._remove_pods()
            self._running[0].stop()
        self._running.clear()
        for name in _pod_networks() - self._networks:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        for mount in sorted(_mounts_below(self.directory), key=len, reverse=True):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        for file, before in self._kernel.items():
            with contextlib.suppress(OSError):
                file.write_text(before)
        shutil.rmtree(self.directory, ignore_errors=True)

    # Starting.

    @property
    def _socket(self) -> str:
        return f"{self.directory}/containerd.sock"

    @property
    def _ctr(self) -> list[str]:
        return ["ctr", "--address", self._socket, "--namespace", "k8s.io"]

    def _start_containerd(self) -> None:
        cni = self.directory / "cni"
        cni.mkdir()
        (cni / "10-test.conflist").write_text(json.dumps(_pod_network(self.directory)))
        configuration = self.directory / "containerd.toml"
        configuration.write_text(_containerd(self.directory, cni, self._socket))
        command = [*network.WITHIN, "containerd", "--config", str(configuration)]
        self._running.append(Program("containerd", command, self.plane.directory / "containerd.log").start())
        true_soon(self._answers, "containerd answers", _START_S)

    def _answers(self) -> bool:
        self._running[0].check()
        return subprocess.run([*self._ctr, "version"], capture_output=True, check=False).returncode == 0

    def _start_kubelet(self) -> None:
        pair = self.plane.authority.sign("kubelet", f"system:node:{NAME}", "system:nodes")
        kubeconfig = self.plane.kubeconfig_of("kubelet", by_certificate(pair))
        settings = self.directory / "kubelet.yaml"
        settings.write_text(yaml.safe_dump(self._settings()))
        command = [
            *network.WITHIN,
            str(self.plane.programs / "kubelet"),
            f"--config={settings}",
            f"--kubeconfig={kubeconfig}",
            f"--root-dir={self.directory}/kubelet",
            f"--cert-dir={self.directory}/kubelet-certificates",
            f"--hostname-override={NAME}",
            f"--node-ip={network.ADDRESS}",
        ]
        self._running.append(Program("kubelet", command, self.plane.directory / "kubelet.log").start())

    def _settings(self) -> dict[str, object]:
        authority = str(self.plane.authority.certificate)
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": network.ADDRESS,
            "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": authority}},
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            # Both kinds of control groups will do, and pods need no tree of their own in them.
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": False,
            "failSwapOn": False,
            # The machine belongs to others as well: how full its disk is, is not the matter of these tests.
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "resolvConf": "",
            "clusterDNS": [network.ADDRESS],
            "clusterDomain": network.DOMAIN,
            "podLogsDir": f"{self.directory}/logs",
            "volumePluginDir": f"{self.directory}/volume-plugins",
            "staticPodPath": "",
            "serverTLSBootstrap": False,
        }

    def _is_ready(self) -> bool:
        for program in self._running:
            program.check()
        conditions = self.plane.get(f"/api/v1/nodes/{NAME}")["status"]["conditions"]
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _remove_pods(self) -> None:
        for command in (["tasks", "ls", "-q"], ["containers", "ls", "-q"]):
            for each in run(*self._ctr, *command).split():
                remove = ["tasks", "rm", "--force", each] if command[0] == "tasks" else ["containers", "rm", each]
                subprocess.run([*self._ctr, *remove], capture_output=True, check=False)


def _containerd(directory: Path, cni: Path, socket: str) -> str:
    return f"""\
version = 2
root = "{directory}/containerd"
state = "{directory}/run"
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/{PAUSE_IMAGE}"
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{cni}"
"""


def _pod_network(directory: Path) -> dict[str, object]:
    addresses: dict[str, object] = {
        "type": "host-local",
        "dataDir": f"{directory}/addresses",
        "ranges": [[{"subnet": network.PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}


def _pod_networks() -> frozenset[str]:
    """Return the network namespaces that containerd has made for pods, whoever's they are."""
    return frozenset(each.name for each in Path("/var/run/netns").glob("cni-*"))


def _mounts_below(directory: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [point for point in (line.split()[4] for line in lines) if point.startswith(f"{directory}/")]
