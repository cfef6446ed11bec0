"""The one model that settings name without a list, as an entry of a list.

A path and a name on the command line are shorthand for a ModelServerConfig with one entry; from here on nothing knows
the difference.

Source: tensorflow_serving/model_servers/server.cc, BuildSingleModelConfig
"""

from __future__ import annotations

from pathlib import Path

from seaway.errors import InvalidArgument
from seaway.settings.model_config import (
    AllVersions,
    LatestVersions,
    ModelConfig,
    SpecificVersions,
    VersionPolicy,
)
from seaway.settings.models import Models


def single_model(models: Models) -> ModelConfig:
    """Return the model of `models.model_base_path`; its directory gives the name where `models.model_name` is empty.

    Raises:  InvalidArgument - no path is set, or it has no last part that could be a name.
    """
    path = models.model_base_path
    if not path:
        raise InvalidArgument("models.model_base_path is empty; name the directory of a model, or a list with --config")
    if "://" not in path:
        path = str(Path(path).absolute())
    name = models.model_name or path.rstrip("/").rpartition("/")[2]
    if not name:
        raise InvalidArgument(f"models.model_base_path {models.model_base_path!r} gives no name; add one with --name")
    return ModelConfig(
        name=name,
        base_path=path,
        version_policy=version_policy(models.version_policy),
        isolation=models.isolation,
    )


def version_policy(text: str) -> VersionPolicy:
    """Return the policy that `latest:N`, `all` or `specific:V,V` names; the form was checked with the setting."""
    kind, _, rest = text.partition(":")
    match kind:
        case "all":
            return AllVersions()
        case "latest":
            return LatestVersions(int(rest))
        case _:
            return SpecificVersions(frozenset(int(version) for version in rest.split(",")))
