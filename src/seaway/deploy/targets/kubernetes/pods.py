"""What the state of a pod means. Pure.

Source: the Kubernetes API reference, PodStatus and ContainerState.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HOPELESS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
    "RunContainerError",
}
_OUT_OF_MEMORY = "OOMKilled"


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod gets requests."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def trouble(pod: Mapping[str, Any]) -> str:
    """Return why a pod will not serve, in words; empty while it may."""
    name = pod["metadata"]["name"]
    for container in pod.get("status", {}).get("containerStatuses", []):
        ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
        waiting = container.get("state", {}).get("waiting") or {}
        if ended.get("reason") == _OUT_OF_MEMORY and not container.get("ready"):
            return f"{name}: out of memory; raise `server.memory`"
        if waiting.get("reason") in _HOPELESS:
            said = waiting.get("message") or ended.get("message") or ""
            code = f", exit code {ended['exitCode']}" if "exitCode" in ended else ""
            return f"{name}: {waiting['reason']}{code}{': ' if said else ''}{said}"
    return ""


def waiting_for(pod: Mapping[str, Any]) -> str:
    """Return what a pod waits for that may still come, in words; empty when it is ready."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{name} has no node: {condition.get('message', '')}"
    if is_ready(pod):
        return ""
    for container in status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{name}: {waiting.get('reason', 'waiting')} {waiting.get('message', '')}".rstrip()
    return f"{name} is not ready yet; `seaway logs` shows why"
