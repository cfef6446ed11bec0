"""How a loaded version runs: the TensorFlow session, the parallelism, and the queue in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.settings.declaration import setting

EngineName = Literal["auto", "tensorflow", "onnx", "openvino", "litert", "python"]
MixedPrecision = Literal["", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs the models, and what every worker tells it."""

    engine: EngineName = setting(
        "auto",
        "What runs the models: TensorFlow, ONNX Runtime (a `model.onnx`, or a SavedModel that is converted once), "
        "OpenVINO (reads the SavedModel), LiteRT (a `model.tflite`), or a class of your own in `model.py`. `auto` "
        "takes the engine that the files are for, and changes to another that is proven to answer the same and "
        "measured to be faster; the program `tensorflow_model_server` is `tensorflow` unless told otherwise. See "
        "docs/engines.md.",
        flag="--engine",
        tensorflow_serving="engine",
    )
    concurrency: int = setting(
        0,
        "Runs in flight per version. 0 means as many as there are usable cores; a container's quota is respected.",
        flag="--concurrency",
        unit="runs",
        at_least=0,
        at_most=1024,
    )
    openvino_batch_sizes: str = setting(
        "1,2,4,8,16,32",
        "Row counts for which OpenVINO compiles a model when it is loaded; other requests are padded to the next.",
        flag="--openvino-batch-sizes",
        unit="rows",
        pattern=r"[1-9]\d{0,5}(,[1-9]\d{0,5})*",
        expects="numbers with commas between, for instance 1,8,32",
    )
    prefer_tflite_model: bool = setting(
        False,
        "Serve a version that has a `model.tflite` with LiteRT, whatever else it has; others with the chosen engine.",
        flag="--prefer-tflite-model",
        tensorflow_serving="prefer_tflite_model",
    )
    litert_interpreters: int = setting(
        0,
        "LiteRT interpreters per version; each answers one request at a time. 0 means as many as runs in flight, "
        "which is also the most that are made.",
        flag="--litert-interpreters",
        unit="interpreters",
        at_least=0,
        at_most=1024,
        tensorflow_serving="num_tflite_pools",
    )
    python_instances: int = setting(
        1,
        "Objects of the class in a `model.py`; each answers one request at a time.",
        flag="--python-instances",
        unit="objects",
        at_least=1,
        at_most=1024,
    )
    cache_directory: str = setting(
        "",
        "Where SavedModels that were converted to ONNX are kept. Empty means `seaway` in the user's cache directory.",
        flag="--engine-cache-directory",
    )
    intra_op_parallelism: int = setting(
        0,
        "Threads that one operation may use. 0 means the cores divided by the runs in flight; TensorFlow decides for "
        "itself on a machine with more than 4 cores.",
        flag="--intra-op-parallelism",
        unit="threads",
        at_least=0,
        at_most=65536,
        tensorflow_serving="tensorflow_intra_op_parallelism",
    )
    inter_op_parallelism: int = setting(
        0,
        "Operations that may run at the same time. 0 lets TensorFlow decide.",
        flag="--inter-op-parallelism",
        unit="threads",
        at_least=0,
        at_most=65536,
        tensorflow_serving="tensorflow_inter_op_parallelism",
    )
    session_config_file: str = setting(
        "",
        "Text-format ConfigProto for every session; settings given beside it win over what it says.",
        flag="--session-config-file",
        tensorflow_serving="tensorflow_session_config_file",
    )
    session_config: str = setting(
        "",
        "Text-format ConfigProto itself, instead of a file.",
        flag="--session-config",
    )
    saved_model_tags: tuple[str, ...] = setting(
        ("serve",),
        "Tags that select the graph inside a SavedModel.",
        flag="--saved-model-tags",
        tensorflow_serving="saved_model_tags",
    )
    custom_op_libraries: tuple[str, ...] = setting(
        (),
        "Shared libraries with operations that the models need, loaded by every worker before its model.",
        flag="--custom-op-libraries",
    )
    tensorflow_library: str = setting(
        "",
        "TensorFlow's shared library. Empty means the one of the installed TensorFlow package.",
        flag="--tensorflow-library",
    )
    per_process_gpu_memory_fraction: float = setting(
        0.0,
        "Share of the memory of each GPU that a worker may take. 0 lets TensorFlow decide.",
        flag="--per-process-gpu-memory-fraction",
        unit="share",
        at_least=0,
        at_most=1,
        tensorflow_serving="per_process_gpu_memory_fraction",
    )
    xla_cpu_compilation_enabled: bool = setting(
        False,
        "Compile graphs with XLA on the CPU.",
        flag="--xla-cpu-compilation-enabled",
        tensorflow_serving="xla_cpu_compilation_enabled",
    )
    xla_gpu_compilation_enabled: bool = setting(
        False,
        "Compile graphs with XLA on GPUs.",
        flag="--xla-gpu-compilation-enabled",
        tensorflow_serving="xla_gpu_compilation_enabled",
    )
    mixed_precision: MixedPrecision = setting(
        "",
        "Run parts of the graph in a shorter number format where the processor is faster with it.",
        flag="--mixed-precision",
        tensorflow_serving="mixed_precision",
    )
    enable_serialization_as_tensor_content: bool = setting(
        False,
        "Send outputs over gRPC as one block of bytes instead of typed fields.",
        flag="--enable-serialization-as-tensor-content",
        tensorflow_serving="enable_serialization_as_tensor_content",
    )
    enable_signature_method_name_check: bool = setting(
        False,
        "Refuse a Predict, Classify or Regress call on a signature that was exported for another method.",
        flag="--enable-signature-method-name-check",
        tensorflow_serving="enable_signature_method_name_check",
    )


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in front of one loaded version."""

    max_queued_requests: int = setting(
        1000,
        "Requests that may wait per loaded version; the next one is refused at once with RESOURCE_EXHAUSTED.",
        flag="--max-queued-requests",
        unit="requests",
        at_least=1,
        at_most=1000000,
    )
    slot_bytes: int = setting(
        268435456,
        "Shared memory kept for the tensors of one run, inputs and outputs each. Only the used part takes memory.",
        flag="--slot-bytes",
        unit="bytes",
        at_least=65536,
        at_most=2147483648,
    )
