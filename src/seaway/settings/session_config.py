"""TensorFlow's ConfigProto for every session, made from the settings.

Workers get the serialized message and need no protobuf of their own. A text file may set anything that TensorFlow
knows; a setting given beside it wins, so that a flag on the command line is never silently overruled by a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.settings.engine import Engine

_FEW_CORES = 4
_JIT_ON = 1  # OptimizerOptions.GlobalJitLevel.ON_1
_TOGGLE_ON = 1  # RewriterConfig.Toggle.ON


def session_config(engine: Engine, cores: int) -> bytes:
    """Return the serialized tensorflow.ConfigProto of the settings, for a machine with this many usable cores.

    Raises:  InvalidArgument - `engine.session_config_file` cannot be read or is not a text-format ConfigProto, or it
             and `engine.session_config` are both set.
    Source:  tensorflow/core/protobuf/config.proto; tensorflow_serving/model_servers/server.cc, Server::BuildAndStart
    """
    config = _written(engine)
    if engine.intra_op_parallelism:
        config.intra_op_parallelism_threads = engine.intra_op_parallelism
    elif not config.intra_op_parallelism_threads:
        config.intra_op_parallelism_threads = intra_op_default(cores, engine.concurrency or cores)
    if engine.inter_op_parallelism:
        config.inter_op_parallelism_threads = engine.inter_op_parallelism
    if engine.per_process_gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = engine.per_process_gpu_memory_fraction
    if engine.xla_cpu_compilation_enabled or engine.xla_gpu_compilation_enabled:
        config.graph_options.optimizer_options.global_jit_level = _JIT_ON
    if engine.xla_cpu_compilation_enabled:
        config.graph_options.optimizer_options.cpu_global_jit = True
    if engine.mixed_precision == "bfloat16":
        config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = _TOGGLE_ON
    return bytes(config.SerializeToString())


def intra_op_default(cores: int, concurrency: int) -> int:
    """Return the threads of one operation when nobody says; 0 leaves it to TensorFlow.

    TensorFlow takes all cores for each run, and as many runs as there are cores are in flight: on a small machine
    handing parts of an operation to other threads costs more than the operation (a small CNN on 2 cores: 45 µs alone,
    150 µs with the pool). On a large one a big model alone in flight needs the other cores, so the choice stays
    TensorFlow's there.
    """
    return max(1, cores // concurrency) if cores <= _FEW_CORES else 0


def read_text_message(type_name: str, file: str, what: str, *, allow_unknown_field: bool = False) -> Any:
    """Return the message that a text-format file holds; `what` names the setting or flag in errors.

    Raises:  InvalidArgument - the file cannot be read, or line and column where it is not such a message.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{what} {file!r} cannot be read: {err}") from err
    return _parsed(type_name, text, f"{what} {file}", allow_unknown_field)


def _written(engine: Engine) -> Any:
    if engine.session_config and engine.session_config_file:
        raise InvalidArgument("engine.session_config and engine.session_config_file are both set; keep one of them")
    if engine.session_config_file:
        return read_text_message("tensorflow.ConfigProto", engine.session_config_file, "engine.session_config_file")
    return _parsed("tensorflow.ConfigProto", engine.session_config, "engine.session_config", False)


def _parsed(type_name: str, text: str, origin: str, allow_unknown_field: bool) -> Any:
    empty = message(type_name)()
    pool = empty.DESCRIPTOR.file.pool  # text-format Any looks its types up there
    try:
        return text_format.Parse(text, empty, allow_unknown_field=allow_unknown_field, descriptor_pool=pool)
    except text_format.ParseError as err:
        raise InvalidArgument(f"Error parsing text-format {type_name}: {origin}:{err}") from err
