"""Which servers are looked at: what the user names, and what a file lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from seaway.errors import InvalidArgument
from seaway.fleet.data import Data
from seaway.monitor.target import Target

PATH = "/monitoring/prometheus/metrics"
"""Where Seaway's servers, and TensorFlow Serving's, have their metrics unless told otherwise."""

Discovery = Callable[[], Sequence[Target]]


class Group(Data, frozen=True, forbid_unknown_fields=True):
    """One group of a file: addresses and the labels that they share."""

    targets: tuple[str, ...]
    labels: dict[str, str] = msgspec.field(default_factory=dict)


def target(address: str, labels: Iterable[tuple[str, str]] = ()) -> Target:
    """Return the target of an address as a user writes it: `host:8501`, or a whole URL.

    Raises:  InvalidArgument - it is neither.
    """
    url = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as err:
        raise InvalidArgument(f"{address!r} is no address: {err}; expected host:8501 or a URL") from err
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidArgument(f"{address!r} is no address; expected host:8501 or http://host:8501{PATH}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    instance = host if port is None else f"{host}:{port}"
    whole = parts._replace(path=PATH if parts.path in {"", "/"} else parts.path).geturl()
    return Target(instance, whole, tuple(sorted(labels)))


def from_file(path: Path) -> Discovery:
    """Return a discovery that reads a file each time: JSON in the form of Prometheus' file_sd.

    Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
    """

    def discover() -> Sequence[Target]:
        try:
            groups = msgspec.json.decode(path.read_bytes(), type=list[Group])
        except OSError as err:
            raise InvalidArgument(f"{path} cannot be read: {err.strerror}") from err
        except msgspec.MsgspecError as err:
            raise InvalidArgument(
                f'{path}: {err}; expected [{{"targets": ["host:8501"], "labels": {{"zone": "a"}}}}]'
            ) from err
        return [target(address, group.labels.items()) for group in groups for address in group.targets]

    return discover


def all_of(discoveries: Sequence[Discovery]) -> Discovery:
    """Return a discovery of what any of several finds, each server once."""

    def discover() -> Sequence[Target]:
        found: dict[str, Target] = {}
        for each in discoveries:
            for one in each():
                found.setdefault(one.instance, one)
        return sorted(found.values(), key=lambda one: one.instance)

    return discover
