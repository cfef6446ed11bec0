"""The 48 flags of TensorFlow Serving's tensorflow_model_server, what each does here, and one of our own.

The order is that of its own usage text. Where a flag sets a setting of ours, the setting's declaration names the flag,
so that the connection is written once. `stated` is the value for which a flag without effect already says what holds
here anyway; giving any other value earns a place in the one warning line.

Source: tensorflow_serving/model_servers/main.cc for names, kinds and defaults
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Value = bool | int | float | str
Kind = Literal["bool", "int32", "int64", "float", "string"]
Effect = Literal["same", "partly", "none", "refused"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: its default is multiplied by the usable cores where `per_core` is set."""

    name: str
    kind: Kind
    default: Value
    usage: str
    effect: Effect = "same"
    note: str = ""
    stated: Value | None = None
    per_core: bool = False
    is_own: bool = False
    """Whether TensorFlow Serving has no such flag."""

    def default_on(self, cores: int) -> Value:
        """Return the default on a machine with that many usable cores."""
        return int(self.default) * cores if self.per_core else self.default


FLAGS: tuple[Flag, ...] = (
    Flag("port", "int32", 8500, "TCP port of the gRPC API; 0 turns it off."),
    Flag("grpc_socket_path", "string", "", "Unix socket of the gRPC API; empty for none."),
    Flag("rest_api_port", "int32", 0, "TCP port of the REST API; 0 turns it off. Must differ from --port."),
    Flag(
        "rest_api_num_threads",
        "int32",
        4,
        "Threads of the REST API.",
        "none",
        "One set of threads serves both APIs and never blocks on a request; `network.threads` sizes it.",
        per_core=True,
    ),
    Flag("rest_api_timeout_in_ms", "int32", 30000, "Time within which a REST request must be answered."),
    Flag("rest_api_enable_cors_support", "bool", False, "Answer cross-origin requests on the REST API."),
    Flag(
        "enable_batching",
        "bool",
        False,
        "Join requests into batches.",
        "same",
        "Not given: natural batching, which never waits and joins only where that is proven to change no answer. "
        "`=false` turns it off.",
    ),
    Flag(
        "allow_version_labels_for_unavailable_models",
        "bool",
        False,
        "Accept a new label that points to a version which is not loaded yet.",
    ),
    Flag(
        "batching_parameters_file",
        "string",
        "",
        "Text-format BatchingParameters; needs --enable_batching.",
        "same",
        "`num_batch_threads` counts per version, not over all models; `thread_pool_name` has no effect.",
    ),
    Flag(
        "enable_per_model_batching_parameters",
        "bool",
        False,
        "Read batching_params.pbtxt beside each SavedModel.",
        "same",
        "A version without the file is not batched.",
    ),
    Flag("model_config_file", "string", "", "Text-format ModelServerConfig; wins over the two model flags."),
    Flag("model_config_file_poll_wait_seconds", "int32", 0, "Interval at which that file is read again; 0 for never."),
    Flag("model_name", "string", "default", "Name of the single model."),
    Flag("model_base_path", "string", "", "Directory or URL of the single model; needed without --model_config_file."),
    Flag("num_load_threads", "int32", 0, "Versions that load at the same time.", "same", "0 is the same as 1."),
    Flag("num_unload_threads", "int32", 0, "Versions that unload at the same time.", "same", "0 is the same as 1."),
    Flag("max_num_load_retries", "int32", 5, "Times that a failed load is tried again."),
    Flag("load_retry_interval_micros", "int64", 60000000, "Pause before a failed load is tried again."),
    Flag("file_system_poll_wait_seconds", "int32", 1, "Interval of the search for versions; 0 once, negative never."),
    Flag(
        "flush_filesystem_caches",
        "bool",
        True,
        "Drop cached model files after loading.",
        "none",
        "The page cache is the kernel's to take back, and a restarted worker is quicker with it.",
        stated=False,
    ),
    Flag("tensorflow_session_parallelism", "int64", 0, "Threads within and between operations, both; 0 for automatic."),
    Flag("tensorflow_session_config_file", "string", "", "Text-format ConfigProto for every session."),
    Flag("tensorflow_intra_op_parallelism", "int64", 0, "Threads within one operation; 0 for automatic."),
    Flag("tensorflow_inter_op_parallelism", "int64", 0, "Operations that run at the same time; 0 for automatic."),
    Flag(
        "use_alts_credentials",
        "bool",
        False,
        "Secure the gRPC API with Google's ALTS.",
        "refused",
        "ALTS exists only inside Google Cloud; starting without protection instead would be worse than not starting.",
        stated=False,
    ),
    Flag("ssl_config_file", "string", "", "Text-format SSLConfig that secures the gRPC API."),
    Flag(
        "platform_config_file",
        "string",
        "",
        "Text-format PlatformConfigMap; --enable_batching is then ignored.",
        "partly",
        "The session configuration of the tensorflow platform is taken from it and replaces the session flags.",
    ),
    Flag("per_process_gpu_memory_fraction", "float", 0.0, "Share of each GPU's memory; 0 for automatic."),
    Flag("saved_model_tags", "string", "serve", "Tags of the graph to load, separated by commas."),
    Flag(
        "grpc_channel_arguments",
        "string",
        "",
        "gRPC channel arguments as key=value, separated by commas.",
        "partly",
        "`grpc.max_receive_message_length` is honoured; the others belong to a library that is not in use here.",
    ),
    Flag(
        "grpc_max_threads",
        "int32",
        4,
        "Most threads of the gRPC API.",
        "none",
        "One set of threads serves both APIs and never blocks on a request; `network.threads` sizes it.",
        per_core=True,
    ),
    Flag("enable_model_warmup", "bool", True, "Replay the recorded warm-up requests before a version serves."),
    Flag("num_request_iterations_for_warmup", "int32", 0, "Times that each warm-up request is replayed, if above 0."),
    Flag("version", "bool", False, "Print the versions and end."),
    Flag(
        "monitoring_config_file",
        "string",
        "",
        "Text-format MonitoringConfig.",
        "same",
        "Metrics are off without it, as in TensorFlow Serving; `seaway serve` has them on.",
    ),
    Flag(
        "remove_unused_fields_from_bundle_metagraph",
        "bool",
        True,
        "Drop the parts of the metagraph that serving does not need.",
        "none",
        "Only the signatures are kept outside the engine in any case.",
        stated=True,
    ),
    Flag(
        "prefer_tflite_model",
        "bool",
        False,
        "Serve model.tflite where a version has one.",
        "same",
        "It is served by LiteRT (docs/engines.md), under the names of the file's own signatures.",
    ),
    Flag(
        "num_tflite_pools",
        "int32",
        1,
        "Pools of TensorFlow Lite interpreters.",
        "same",
        "Interpreters per version; no more are made than runs in flight.",
        per_core=True,
    ),
    Flag(
        "num_tflite_interpreters_per_pool",
        "int32",
        1,
        "Interpreters in each of those pools.",
        "partly",
        "A version has the product of the two. Requests are joined and split by batching, whatever this number is.",
    ),
    Flag("enable_signature_method_name_check", "bool", False, "Check the method name of a signature on each call."),
    Flag("xla_cpu_compilation_enabled", "bool", False, "Compile graphs with XLA on the CPU."),
    Flag("xla_gpu_compilation_enabled", "bool", False, "Compile graphs with XLA on GPUs."),
    Flag(
        "enable_profiler",
        "bool",
        True,
        "Offer the profiler service.",
        "none",
        "There is no profiler service.",
        stated=False,
    ),
    Flag(
        "thread_pool_factory_config_file",
        "string",
        "",
        "Text-format ThreadPoolFactoryConfig.",
        "none",
        "Thread pools are not pluggable; the parallelism flags size them.",
        stated="",
    ),
    Flag("mixed_precision", "string", "", "Empty, or bfloat16 to compute in that format where it is faster."),
    Flag("skip_initialize_tpu", "bool", False, "Do not prepare a TPU.", "none", "TPUs are not used.", stated=True),
    Flag(
        "enable_grpc_healthcheck_service",
        "bool",
        False,
        "Offer the standard health service.",
        "none",
        "The health service is always there.",
        stated=True,
    ),
    Flag("enable_serialization_as_tensor_content", "bool", False, "Send outputs as one block of bytes over gRPC."),
    Flag(
        "engine",
        "string",
        "tensorflow",
        "What runs the models; auto to change to a faster engine that answers the same.",
        note="Not a flag of TensorFlow Serving. See [engines](engines.md).",
        is_own=True,
    ),
)

BY_NAME: dict[str, Flag] = {flag.name: flag for flag in FLAGS}

_ENDS: dict[Effect, Callable[[Flag], str]] = {
    "same": lambda flag: flag.note or "As in TensorFlow Serving.",
    "partly": lambda flag: f"Partly: {flag.note}",
    "none": lambda flag: f"Accepted, no effect. {flag.note}",
    "refused": lambda flag: f"Refused. {flag.note}",
}


def effect_here(flag: Flag) -> str:
    """Return what a flag does here, as the reference page says it."""
    return _ENDS[flag.effect](flag)
