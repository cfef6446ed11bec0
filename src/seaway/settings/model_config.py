"""Which models to serve: the values, and how they are read from TensorFlow Serving's `ModelServerConfig`.

A list is read entry by entry. An entry that is wrong becomes a problem under its model's name and takes nothing else
with it: at start the caller refuses the whole file, at a reload it leaves that one model as it is.

Source: tensorflow_serving/config/model_server_config.proto; model_servers/server_core.cc for what makes a list illegal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from google.protobuf import text_format

from seaway import errors, protos
from seaway.fleet.published import Traffic
from seaway.settings.log_prefix import checked_prefix, is_url
from seaway.stores.url import shown

MESSAGE = "tensorflow.serving.ModelServerConfig"
TENSORFLOW = "tensorflow"
_DEPRECATED_MODEL_TYPES = {1: TENSORFLOW}
LOG_FILE = "file"
"""The type of log collector that writes files, and the one that a config without a type means."""


@dataclass(frozen=True, slots=True)
class LatestVersions:
    """Serve the `count` largest version numbers."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class AllVersions:
    """Serve every version that is there."""


@dataclass(frozen=True, slots=True)
class SpecificVersions:
    """Serve these versions, as far as they are there."""

    versions: frozenset[int]


@dataclass(frozen=True, slots=True)
class RequestLog:
    """Where a share of a model's requests is written to."""

    prefix: str
    """What the paths or the URLs of the files begin with."""
    sampling_rate: float


VersionPolicy: TypeAlias = LatestVersions | AllVersions | SpecificVersions


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model as the operator described it."""

    name: str
    base_path: str
    """Directory of version directories: absolute, or a URI."""
    platform: str = TENSORFLOW
    version_policy: VersionPolicy = LatestVersions()
    version_labels: Mapping[str, int] = field(default_factory=dict)
    isolation: str = "process"
    """`process`: a worker for each version; `shared`: one worker for many small models."""
    engine: str = ""
    """The engine of this model; the server's own setting where it is empty."""
    traffic: Traffic | None = None
    """How requests without version or label are spread; all go to the highest version where it is None."""
    request_log: RequestLog | None = None
    """Where requests are logged; none are where it is None."""


@dataclass(frozen=True, slots=True)
class EntryProblem:
    """One entry of a list that cannot be used."""

    name: str
    error: errors.SeawayError
    platform: str = ""


@dataclass(frozen=True, slots=True)
class ModelList:
    """A list as it was read: the usable entries, the others with their reasons, and remarks for the log."""

    models: tuple[ModelConfig, ...] = ()
    problems: tuple[EntryProblem, ...] = ()
    warnings: tuple[str, ...] = ()
    is_empty_message: bool = False
    """The message named no list at all: TensorFlow Serving then changes nothing."""

    def raise_for_problems(self) -> None:
        """Refuse the list as a whole, for a start.

        Raises:  the error of the first problem, with the text of all.
        """
        if self.problems:
            text = "; ".join(problem.error.message for problem in self.problems)
            raise errors.from_code(self.problems[0].error.code, text)


def read_model_config_file(path: Path) -> ModelList:
    """Read a text-format `ModelServerConfig`; relative base paths are taken from the directory of the file.

    Raises:  NotFound, PermissionDenied - the file cannot be read; InvalidArgument - its syntax is wrong, with the
             place as `file:line:column`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise errors.NotFound(f"model config file {path} does not exist") from err
    except (OSError, UnicodeDecodeError) as err:
        raise errors.PermissionDenied(f"model config file {path} cannot be read: {err}") from err
    return parse_model_config(text, origin=str(path), root=path.absolute().parent)


def parse_model_config(text: str, origin: str = "<text>", root: Path | None = None) -> ModelList:
    """Parse text format; `origin` names it in errors.

    Raises:  InvalidArgument - the syntax is wrong, a field or an enum value is unknown.
    """
    message = protos.message(MESSAGE)()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as err:
        raise errors.InvalidArgument(f"Error parsing text-format {MESSAGE}: {_place(err, origin)}") from err
    return read_model_list(message, root)


def read_model_list(message: Any, root: Path | None = None) -> ModelList:
    """Read a parsed `ModelServerConfig`, for instance the one inside a ReloadConfigRequest.

    Raises:  Unimplemented - it holds a custom_model_config.
    """
    choice = message.WhichOneof("config")
    if choice == "custom_model_config":
        raise errors.Unimplemented("custom_model_config is not supported; list the models in model_config_list")
    if choice is None:
        return ModelList(is_empty_message=True)
    entries = list(message.model_config_list.config)
    repeated = {name for name, count in Counter(entry.name for entry in entries).items() if count > 1}
    mixed = root is not None and _mixes_paths(entry.base_path for entry in entries)
    models: list[ModelConfig] = []
    problems: dict[str, EntryProblem] = {}
    for entry in entries:
        try:
            _check_list_rules(entry, repeated, mixed)
            models.append(_model(entry, root))
        except errors.SeawayError as err:
            problems.setdefault(entry.name, EntryProblem(entry.name, err, entry.model_platform))
    warnings = tuple(warning for entry in entries for warning in _warnings(entry))
    return ModelList(tuple(models), tuple(problems.values()), warnings)


def _place(err: text_format.ParseError, origin: str) -> str:
    line, column = err.GetLine(), err.GetColumn()
    if line is None:
        return f"{origin}: {err}"
    text = str(err).removeprefix(f"{line}:{column} : ")
    return f"{origin}:{line}:{column}: {text}"


def _check_list_rules(entry: Any, repeated: set[str], mixed: bool) -> None:
    if entry.name in repeated and entry.name:
        raise errors.InvalidArgument(f"Illegal to list model {entry.name} multiple times in config list")
    if mixed and _is_relative(entry.base_path):
        raise errors.InvalidArgument(
            f"model {entry.name!r} has the relative base_path {entry.base_path!r} beside absolute ones; "
            "make all base paths of a list absolute, or all relative"
        )


def _model(entry: Any, root: Path | None) -> ModelConfig:
    if not entry.name:
        raise errors.InvalidArgument(f'a model with base_path {shown(entry.base_path)!r} has no name; add name: "..."')
    if not entry.base_path:
        raise errors.InvalidArgument(f'model {entry.name!r} has no base_path; add base_path: "/..."')
    return ModelConfig(
        name=entry.name,
        base_path=_base_path(entry, root),
        platform=_platform(entry),
        version_policy=_version_policy(entry),
        version_labels=dict(entry.version_labels),
        request_log=_request_log(entry, root),
    )


def _base_path(entry: Any, root: Path | None) -> str:
    path: str = entry.base_path
    if not _is_relative(path):
        return path
    if root is None:
        raise errors.InvalidArgument(
            f"Expected model {entry.name} to have an absolute path or URI; got base_path()={path}"
        )
    return str(root / path)


def _platform(entry: Any) -> str:
    platform: str = entry.model_platform
    if entry.model_type:
        if platform:
            raise errors.InvalidArgument(
                f"model {entry.name!r} sets both model_type (deprecated) and model_platform; keep model_platform"
            )
        platform = _DEPRECATED_MODEL_TYPES.get(entry.model_type, "other")
    if not platform:
        raise errors.InvalidArgument(f'model {entry.name!r} has no model_platform; add model_platform: "tensorflow"')
    if platform != TENSORFLOW:
        raise errors.InvalidArgument(
            f'model {entry.name!r} has model_platform {platform!r}; the only platform served is "tensorflow"'
        )
    return platform


def _version_policy(entry: Any) -> VersionPolicy:
    policy = entry.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return AllVersions()
    if choice == "specific":
        if not policy.specific.versions:
            raise errors.InvalidArgument(f"model {entry.name!r} asks for specific versions and names none")
        return SpecificVersions(frozenset(policy.specific.versions))
    return LatestVersions(max(1, policy.latest.num_versions))


def _is_relative(path: str) -> bool:
    return bool(path) and not path.startswith("/") and not urlsplit(path).scheme


def _mixes_paths(paths: Iterable[str]) -> bool:
    return len({_is_relative(path) for path in paths if path}) > 1


def _request_log(entry: Any, root: Path | None) -> RequestLog | None:
    """Read `logging_config`; None where nothing would be logged."""
    rate, collector = entry.logging_config.sampling_config.sampling_rate, entry.logging_config.log_collector_config
    if not 0 <= rate <= 1:
        raise errors.InvalidArgument(f"model {entry.name!r} has the sampling_rate {rate}; it is a share, 0 to 1")
    if rate == 0 or not _writes_files(collector):
        return None
    prefix = checked_prefix(entry.name, collector.filename_prefix)
    if not is_url(prefix) and not prefix.startswith("/"):
        if root is None:
            raise errors.InvalidArgument(
                f"Expected model {entry.name} to have an absolute filename_prefix; got {prefix}"
            )
        prefix = str(root / prefix)
    return RequestLog(prefix, rate)


def _writes_files(collector: Any) -> bool:
    return collector.type in {"", LOG_FILE}


def _warnings(entry: Any) -> Iterable[str]:
    collector, rate = entry.logging_config.log_collector_config, entry.logging_config.sampling_config.sampling_rate
    if not entry.HasField("logging_config"):
        return
    if not _writes_files(collector):
        yield (
            f"model {entry.name!r}: logging_config has no effect, requests are not logged: the log collector "
            f"{collector.type!r} is none of this server's; the one it has is {LOG_FILE!r}"
        )
    elif rate == 0:
        yield f"model {entry.name!r}: logging_config has no effect, requests are not logged: the sampling_rate is 0"
