"""etcd, the API server, the controllers, the scheduler and the name server of a cluster, as real processes."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml

from tests.support.cluster import network
from tests.support.cluster.certificates import Authority, Pair
from tests.support.cluster.programs import Program, run
from tests.support.eventually import eventually, true_soon

ADMIN_GROUP = "system:masters"
_API = f"https://{network.ADDRESS}:6443"
_ETCD = "http://127.0.0.1:2379"
_START_S = 120.0
_CONTEXT = "test"


@dataclass
class ControlPlane:
    """What a cluster is without its nodes. All it writes lies in `directory`."""

    programs: Path
    directory: Path
    authority: Authority = field(init=False)
    _running: list[Program] = field(init=False, default_factory=list)
    _tokens: dict[str, str] = field(init=False, default_factory=dict)

    def start(self) -> ControlPlane:
        """Start it, and wait until the API server is ready and controllers act."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(self.directory / "certificates").make()
        self._tokens = {name: secrets.token_hex(16) for name in ("deployer", "viewer")}
        self._start_etcd()
        self._start_api_server()
        true_soon(self._is_ready, "the API server is ready", _START_S)
        for name in ("kube-controller-manager", "kube-scheduler"):
            self._start_controllers(name)
        true_soon(self._has_service_account, "the controllers act", _START_S)
        self._start_name_server()
        return self

    def stop(self) -> None:
        """End all of it."""
        for program in reversed(self._running):
            program.stop()
        self._running.clear()

    def kubeconfig(self, user: str, namespace: str = "default") -> Path:
        """Return the configuration of a user: `admin` by certificate, `deployer` and `viewer` by token."""
        if user in self._tokens:
            return self.kubeconfig_of(user, {"token": self._tokens[user]}, namespace)
        pair = self.authority.sign(user, user, ADMIN_GROUP)
        return self.kubeconfig_of(user, by_certificate(pair), namespace)

    def kubeconfig_of(self, user: str, credentials: dict[str, str], namespace: str = "default") -> Path:
        """Return the configuration of a user with those credentials."""
        file = self.directory / f"{user}.kubeconfig"
        cluster = {"server": _API, "certificate-authority": str(self.authority.certificate)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": _CONTEXT,
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": _CONTEXT, "context": {"cluster": "test", "user": user, "namespace": namespace}}],
        }
        file.write_text(yaml.safe_dump(content))
        return file

    def ask(self, method: str, path: str, body: object = None, content: str = "application/json") -> tuple[int, Any]:
        """Ask the API server as an administrator; return status and document."""
        pair = Pair(self.authority.directory / "tests.crt", self.authority.directory / "tests.key")
        if not pair.certificate.exists():
            self.authority.sign("tests", "tests", ADMIN_GROUP)
        with urllib3.PoolManager(
            ca_certs=str(self.authority.certificate), cert_file=str(pair.certificate), key_file=str(pair.key)
        ) as pool:
            data = json.dumps(body).encode() if body is not None else None
            answer = pool.request(method, f"{_API}{path}", body=data, headers={"Content-Type": content}, timeout=30)
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data.decode(errors="replace")

    def get(self, path: str) -> Any:
        """Return what is there."""
        status, document = self.ask("GET", path)
        assert status < 400, f"GET {path}: {status} {document}"
        return document

    def apply(self, path: str, manifest: Any, manager: str = "tests", dry_run: bool = False) -> tuple[int, Any]:
        """Apply a manifest on the server's side, as somebody else than Seaway."""
        query = f"?fieldManager={manager}&force=true{'&dryRun=All&fieldValidation=Strict' if dry_run else ''}"
        return self.ask("PATCH", f"{path}{query}", manifest, "application/apply-patch+yaml")

    def version(self) -> str:
        """Return what the API server says that it is."""
        return str(self.get("/version")["gitVersion"])

    # Starting.

    def _run(self, name: str, *flags: str) -> None:
        command = [*network.WITHIN, str(self.programs / name), *flags]
        self._running.append(Program(name, command, self.directory / f"{name}.log").start())

    def _start_etcd(self) -> None:
        self._run(
            "etcd",
            f"--data-dir={self.directory}/etcd",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _start_api_server(self) -> None:
        served = self.authority.sign("api", "api", addresses=f"IP:{network.ADDRESS},IP:10.213.11.1,DNS:localhost")
        kubelet = self.authority.sign("api-to-kubelet", "api-to-kubelet", ADMIN_GROUP)
        key, public = self.directory / "accounts.key", self.directory / "accounts.pub"
        run("openssl", "genrsa", "-out", str(key), "2048")
        run("openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public))
        tokens = self.directory / "tokens.csv"
        tokens.write_text("".join(f"{token},{name},{name}\n" for name, token in self._tokens.items()))
        self._run(
            "kube-apiserver",
            f"--etcd-servers={_ETCD}",
            f"--bind-address={network.ADDRESS}",
            f"--advertise-address={network.ADDRESS}",
            "--secure-port=6443",
            f"--tls-cert-file={served.certificate}",
            f"--tls-private-key-file={served.key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=Node,RBAC",
            f"--service-cluster-ip-range={network.SERVICES}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={key}",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
            "--kubelet-preferred-address-types=InternalIP",
        )

    def _start_controllers(self, name: str) -> None:
        # Administrators both: what a controller may do is not what is tested.
        configuration = self.kubeconfig(name)
        flags = [f"--kubeconfig={configuration}", "--leader-elect=false", "--bind-address=127.0.0.1"]
        if name == "kube-controller-manager":
            flags += [
                f"--service-account-private-key-file={self.directory}/accounts.key",
                f"--root-ca-file={self.authority.certificate}",
            ]
        self._run(name, *flags)

    def _start_name_server(self) -> None:
        file = self.directory / "Corefile"
        file.write_text(
            f"{network.DOMAIN}:53 {{\n"
            f"    bind {network.ADDRESS}\n"
            "    errors\n"
            f"    kubernetes {network.DOMAIN} {{\n"
            f"        kubeconfig {self.kubeconfig('coredns')} {_CONTEXT}\n"
            "        ttl 1\n"
            "    }\n"
            "}\n"
        )
        self._run("coredns", f"-conf={file}")

    def _is_ready(self) -> bool:
        for program in self._running:
            program.check()
        return self.ask("GET", "/readyz")[0] == 200

    def _has_service_account(self) -> bool:
        for program in self._running:
            program.check()
        return self.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200


def by_certificate(pair: Pair) -> dict[str, str]:
    """Return the credentials of a user who has a certificate."""
    return {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}


def wait_until(plane: ControlPlane, path: str, holds: Any, what: str, limit_s: float = 120.0) -> Any:
    """Wait until what lies at a place of the API is as it has to be, and return it."""
    return eventually(lambda: plane.get(path), holds, what, limit_s)
