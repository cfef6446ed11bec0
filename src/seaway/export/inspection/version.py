"""Everything about one version, from its files alone: one value that is shown as text or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from seaway import extras
from seaway.engines.choice import can_convert, model_files
from seaway.engines.registry import KINDS, LITERT, ONNX, OPENVINO, TENSORFLOW
from seaway.engines.signatures import DEFAULT
from seaway.errors import NotFound, SeawayError
from seaway.export.inspection.graph import Graph
from seaway.export.inspection.onnx_graph import read_onnx
from seaway.export.inspection.saved_model import read_saved_model
from seaway.export.inspection.tflite import read_tflite
from seaway.export.place import version_directory
from seaway.proof.passport import Passport, read_passport
from seaway.proof.replay import recorded_answers
from seaway.proof.warmup import read_warmup_records

_MODEL_FILES = MappingProxyType({".onnx": "model.onnx", ".tflite": "model.tflite"})
_READERS: Mapping[str, Callable[[Path], Graph]] = MappingProxyType(
    {"saved_model.pb": lambda file: read_saved_model(file.parent), "model.onnx": read_onnx, "model.tflite": read_tflite}
)


@dataclass(frozen=True, slots=True)
class Taker:
    """Whether an engine can take a version here, and why not."""

    engine: str
    takes: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of a version."""

    path: Path
    model_file: str
    graph: Graph
    files: Mapping[str, int]
    """Sizes in bytes by relative path."""
    engines: tuple[Taker, ...]
    requests: int = 0
    """Requests that are recorded for warm-up."""
    answers: int = 0
    """How many of them hold the answer that must come out."""
    passport: Passport | None = None
    problems: tuple[str, ...] = field(default=())
    """What could not be read."""
    address: str = ""
    """The URL that its files were fetched from; empty where they are at their own place."""

    @property
    def place(self) -> str:
        """Return what a person calls it."""
        return self.address or str(self.path)

    @property
    def size_bytes(self) -> int:
        """Return what all files take."""
        return sum(self.files.values())


def inspect(path: Path, installed: frozenset[str]) -> Inspected:
    """Return what a model's newest version, a version, or a single model file holds; `installed` are usable engines.

    Raises:  NotFound - there is no such thing; DataLoss, FailedPrecondition - the model file cannot be read.
    """
    if path.is_file():
        return _of_file(path, installed)
    directory = version_directory(path)
    found = model_files(directory)
    name = next((file for file in _READERS if file in found), "")
    problems: list[str] = []
    graph = _READERS[name](directory / name) if name else Graph({})
    if not name:
        problems.append(
            f"its signatures are known when it runs: {', '.join(sorted(found)) or 'there is no model file'}"
        )
    requests, answers = _counted(directory, problems)
    return Inspected(
        directory,
        name or next(iter(sorted(found)), ""),
        graph,
        _sizes(directory),
        takers(found, graph, installed),
        requests,
        answers,
        _passport(directory, problems),
        tuple(problems),
    )


def takers(files: frozenset[str], graph: Graph, installed: frozenset[str]) -> tuple[Taker, ...]:
    """Return for each engine whether it can take these files here, as far as that is known without loading them."""
    return tuple(
        Taker(name, not why, why) for name in KINDS if (why := _why_not(name, files, graph, installed)) or True
    )


def _why_not(engine: str, files: frozenset[str], graph: Graph, installed: frozenset[str]) -> str:
    kind = KINDS[engine]
    if not files & set(kind.files):
        return f"it takes {' or '.join(kind.files)}"
    if engine not in installed:
        return f"not installed: {extras.command(engine)}"
    if engine in {TENSORFLOW, LITERT} or "model.onnx" in files:
        return ""
    if engine == ONNX and not can_convert():
        return f"a SavedModel has to be converted: {extras.command('onnx', 'tensorflow')}"
    if engine == OPENVINO and DEFAULT not in graph.signatures:
        return f"it serves the signature {DEFAULT} only"
    return ""


def _of_file(path: Path, installed: frozenset[str]) -> Inspected:
    name = _MODEL_FILES.get(path.suffix)
    if name is None:
        raise NotFound(f"{path} is neither a directory nor an .onnx or .tflite file")
    graph = _READERS[name](path)
    return Inspected(path, name, graph, {path.name: path.stat().st_size}, takers(frozenset({name}), graph, installed))


def _sizes(directory: Path) -> dict[str, int]:
    files = (each for each in sorted(directory.rglob("*")) if each.is_file())
    return {str(each.relative_to(directory)): each.stat().st_size for each in files}


def _counted(directory: Path, problems: list[str]) -> tuple[int, int]:
    try:
        records = read_warmup_records(directory)
        return len(records), len(recorded_answers(records))
    except SeawayError as err:
        problems.append(err.message)
        return 0, 0


def _passport(directory: Path, problems: list[str]) -> Passport | None:
    try:
        return read_passport(directory)
    except SeawayError as err:
        problems.append(err.message)
        return None
