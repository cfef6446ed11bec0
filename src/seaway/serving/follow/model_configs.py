"""From a published decision to the list of models that the repository serves. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seaway.errors import InvalidArgument, SeawayError
from seaway.fleet.published import Published, PublishedLog, PublishedModel
from seaway.settings.log_prefix import checked_prefix, is_url
from seaway.settings.model_config import EntryProblem, ModelConfig, ModelList, RequestLog, SpecificVersions
from seaway.stores.url import joined


@dataclass(frozen=True, slots=True)
class Places:
    """What a decision's relative paths are relative to at this replica: those of models, and the prefixes of logs."""

    store: Path | str
    """A directory, or a URL."""
    logs: Path


def model_configs(published: Published, places: Places) -> ModelList:
    """Return the list; a model whose path leaves its place is a problem of its own and of no other model."""
    models, problems = [], []
    for model in published.models:
        try:
            models.append(_model_config(model, places))
        except SeawayError as err:
            problems.append(EntryProblem(model.name, err))
    return ModelList(tuple(models), tuple(problems))


def begins_after_s(replica: str, stagger_s: float) -> float:
    """Return the time from a decision's appearance to the moment at which a replica begins to follow it.

    The same for the same name, and spread evenly over the names there are.
    """
    number = int.from_bytes(hashlib.sha256(replica.encode()).digest()[:8], "big")
    return stagger_s * number / 2**64


def _model_config(model: PublishedModel, places: Places) -> ModelConfig:
    path = PurePosixPath(model.path)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidArgument(f"model {model.name!r} has the path {model.path!r}, which leaves the model store")
    return ModelConfig(
        name=model.name,
        base_path=joined(str(places.store), str(path)),
        version_policy=SpecificVersions(frozenset(model.versions)),
        version_labels=model.labels,
        engine=model.engine,
        traffic=model.traffic,
        request_log=None if model.log is None else _request_log(model.name, model.log, places.logs),
    )


def _request_log(name: str, log: PublishedLog, logs: Path) -> RequestLog:
    prefix = checked_prefix(name, log.prefix)
    if is_url(prefix):
        return RequestLog(prefix, log.sampling_rate)
    if ".." in PurePosixPath(prefix).parts:
        raise InvalidArgument(f"model {name!r} has the log prefix {prefix!r}, which leaves the directory of logs")
    return RequestLog(str(logs / prefix), log.sampling_rate)
