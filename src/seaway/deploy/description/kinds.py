"""The kinds of value that keys of `seaway.yaml` have in common, each with its form and bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"

Bytes = Annotated[
    str,
    Meta(pattern=QUANTITY_PATTERN, description="A number of bytes: 512Mi, 4Gi, 1.5G.", examples=["4Gi"]),
]
Duration = Annotated[float, Meta(ge=0, le=86400)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Keys(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all parts of the description have in common: they cannot change and know their keys."""


class SecretSource(Keys, frozen=True):
    """Where a secret comes from. Its value is never in a plan, a log or the history."""

    env: Annotated[str, Meta(description="Environment variable of the deployer that holds it.")] = ""
    file: Annotated[str, Meta(description="File that holds it, relative to seaway.yaml.")] = ""
