"""A model store that is a URL is told to replicas, and nothing is mounted for it, wherever they are containers."""

from __future__ import annotations

import json
from collections.abc import Callable

import kubernetes_validate
import pytest
from msgspec import structs

from seaway.deploy.desired import Desired
from seaway.deploy.targets.docker.settings import replica_settings
from seaway.deploy.targets.kubernetes.manifests import manifests
from seaway.deploy.targets.swarm.objects import wanted
from tests.support.kubernetes_objects import everything

URL = "s3://bucket/models"


def of(store: str) -> Desired:
    return structs.replace(everything(), replica=structs.replace(everything().replica, store=store))


def docker(desired: Desired) -> str:
    return json.dumps(replica_settings("digits", "digits-1", desired.replica, tls=False))


def swarm(desired: Desired) -> str:
    return str([each for each in wanted(desired) if each.kind == "service"])


def kubernetes(desired: Desired) -> str:
    made = manifests(desired, 1)
    for each in made:
        if each["kind"] == "Deployment":
            kubernetes_validate.validate(each, "1.34", strict=True)
    return json.dumps([each for each in made if each["kind"] == "Deployment"])


@pytest.mark.parametrize("made", [docker, swarm, kubernetes])
def test_a_url_is_told_and_nothing_is_mounted(made: Callable[[Desired], str]) -> None:
    assert URL in made(of(URL))
    assert '"/models"' not in made(of(URL)).replace("'", '"')
    assert URL not in made(of("/srv/models"))
    assert '"/models"' in made(of("/srv/models")).replace("'", '"')
