"""What an engine hosted in Python is told, made from the settings."""

from __future__ import annotations

from seaway.engines.engine import EngineOptions
from seaway.settings.engine import Engine


def engine_options(engine: Engine, cores: int) -> EngineOptions:
    """Return the options for a machine with this many usable cores, which the runs in flight share."""
    threads = engine.concurrency or cores
    return EngineOptions(
        tags=engine.saved_model_tags,
        threads=threads,
        intra_op_threads=engine.intra_op_parallelism or max(1, cores // threads),
        batch_sizes=tuple(sorted({int(size) for size in engine.openvino_batch_sizes.split(",")})),
        instances=engine.python_instances,
        interpreters=engine.litert_interpreters,
        cache_directory=engine.cache_directory,
    )
