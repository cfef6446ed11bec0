"""The keys of `seaway.yaml` about the deployment's own monitor."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from seaway.deploy.description.kinds import NAME_PATTERN, Bytes, Keys, Port, SecretSource


class Monitor(Keys, frozen=True):
    """The monitor of the deployment: it finds the replicas by itself, keeps what they say, shows it and alerts."""

    enabled: Annotated[bool, Meta(description="Run one; `monitor: false` is short for no.")] = True
    port: Annotated[Port, Meta(description="Port of its page and its HTTP API.")] = 8502
    address: Annotated[
        str, Meta(description="Address that the port is opened on: 127.0.0.1 for this machine only.")
    ] = "127.0.0.1"
    image: Annotated[
        str, Meta(description="Its container image, for docker, swarm and kubernetes; that of the servers unless set.")
    ] = ""
    memory: Annotated[Bytes, Meta(description="Most memory of its container.")] = "1Gi"
    interval_s: Annotated[
        Annotated[float, Meta(ge=0.5, le=300)], Meta(description="Time between two looks at the servers, in seconds.")
    ] = 5.0
    history: Annotated[Bytes, Meta(description="Size that its history is kept below, at least 16Mi.")] = "2Gi"
    password: Annotated[
        SecretSource | UnsetType,
        Meta(
            description="Password for silencing and acting on the page, which only shows unless set.",
            examples=[{"env": "MONITOR_PASSWORD"}],
        ),
    ] = UNSET
    notify: Annotated[
        dict[Annotated[str, Meta(pattern=NAME_PATTERN)], SecretSource],
        Meta(
            description="Channels that are told of alerts, by name: addresses as `seaway monitor --notify` takes them.",
            examples=[{"team": {"env": "SLACK_URL"}}],
        ),
    ] = {}
    rules: Annotated[
        str, Meta(description="Prometheus rule file in place of the default alerts, relative to seaway.yaml.")
    ] = ""
    constraints: Annotated[
        list[str],
        Meta(
            description="Swarm: where it runs, since its history lies there; a manager unless set. Kubernetes: "
            "`label=value` of nodes.",
            examples=[["node.hostname == a"]],
        ),
    ] = []
    claim: Annotated[
        str, Meta(description="Kubernetes: PersistentVolumeClaim of its history, which ends with its pod unless set.")
    ] = ""
    url: Annotated[
        str,
        Meta(
            description="Monitor or Prometheus that `autoscale.query` and checks of rollouts are asked of; the "
            "deployment's own unless set.",
            examples=["http://prometheus:9090"],
        ),
    ] = ""
    service_monitor: Annotated[
        bool, Meta(description="Kubernetes: also make a ServiceMonitor for the Prometheus operator.")
    ] = False

    @property
    def own_url(self) -> str:
        """Where the deployment's own monitor is asked from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
