"""What each flag of TensorFlow Serving becomes here: a setting, a warning or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seaway.cli.tensorflow_model_server.flags import FLAGS
from seaway.cli.tensorflow_model_server.mapping import to_settings
from seaway.cli.tensorflow_model_server.parse import parse_flags
from seaway.errors import InvalidArgument, SeawayError, Unimplemented
from seaway.protos import message
from seaway.settings.effective import load, value_of
from seaway.settings.server import ServerSettings, all_settings
from seaway.settings.session_config import session_config

MODEL = "--model_base_path=/models/m"
PEM = "-----BEGIN SOMETHING-----\\nAAAA\\n-----END SOMETHING-----\\n"


def _settings(*arguments: str) -> ServerSettings:
    return to_settings(parse_flags([MODEL, *arguments]))[0]


def _warnings(*arguments: str) -> tuple[str, ...]:
    return to_settings(parse_flags([MODEL, *arguments]))[1]


def _at(settings: ServerSettings, path: str) -> Any:
    return value_of(settings, next(setting for setting in all_settings() if setting.path == path))


@pytest.mark.parametrize(
    ("argument", "path", "value"),
    [
        ("--port=9000", "network.grpc_port", 9000),
        ("--grpc_socket_path=/run/g", "network.grpc_socket_path", "/run/g"),
        ("--rest_api_port=9001", "network.rest_port", 9001),
        ("--rest_api_port=0", "network.rest_port", -1),
        ("--rest_api_timeout_in_ms=5", "network.rest_timeout_ms", 5),
        ("--rest_api_enable_cors_support", "network.cors", True),
        (
            "--allow_version_labels_for_unavailable_models",
            "models.allow_version_labels_for_unavailable_models",
            True,
        ),
        ("--model_config_file=c", "models.model_config_file", "c"),
        ("--model_config_file_poll_wait_seconds=7", "models.model_config_file_poll_wait_seconds", 7),
        ("--model_name=n", "models.model_name", "n"),
        ("--model_base_path=/b", "models.model_base_path", "/b"),
        ("--num_load_threads=3", "models.num_load_threads", 3),
        ("--num_load_threads=0", "models.num_load_threads", 1),
        ("--num_unload_threads=3", "models.num_unload_threads", 3),
        ("--max_num_load_retries=0", "models.max_num_load_retries", 0),
        ("--load_retry_interval_micros=9", "models.load_retry_interval_micros", 9),
        ("--file_system_poll_wait_seconds=0", "models.file_system_poll_wait_seconds", 0),
        ("--file_system_poll_wait_seconds=-5", "models.file_system_poll_wait_seconds", -1),
        ("--tensorflow_session_parallelism=4", "engine.intra_op_parallelism", 4),
        ("--tensorflow_session_parallelism=4", "engine.inter_op_parallelism", 4),
        ("--tensorflow_intra_op_parallelism=4", "engine.intra_op_parallelism", 4),
        ("--tensorflow_inter_op_parallelism=4", "engine.inter_op_parallelism", 4),
        ("--tensorflow_session_config_file=s", "engine.session_config_file", "s"),
        ("--per_process_gpu_memory_fraction=0.5", "engine.per_process_gpu_memory_fraction", 0.5),
        ("--saved_model_tags=serve,gpu", "engine.saved_model_tags", ("serve", "gpu")),
        ("--grpc_channel_arguments=grpc.max_receive_message_length=4096", "network.max_message_bytes", 4096),
        ("--grpc_channel_arguments=grpc.max_receive_message_length=-1", "network.max_message_bytes", 2147483647),
        ("--enable_model_warmup=false", "models.enable_model_warmup", False),
        ("--num_request_iterations_for_warmup=3", "models.num_request_iterations_for_warmup", 3),
        ("--enable_signature_method_name_check", "engine.enable_signature_method_name_check", True),
        ("--xla_cpu_compilation_enabled", "engine.xla_cpu_compilation_enabled", True),
        ("--xla_gpu_compilation_enabled", "engine.xla_gpu_compilation_enabled", True),
        ("--mixed_precision=bfloat16", "engine.mixed_precision", "bfloat16"),
        ("--enable_serialization_as_tensor_content", "engine.enable_serialization_as_tensor_content", True),
    ],
)
def test_a_flag_sets_its_setting(argument: str, path: str, value: object) -> None:
    settings, warnings = to_settings(parse_flags([MODEL, argument]))
    assert _at(settings, path) == value
    assert warnings == ()


def test_without_flags_rest_and_metrics_are_off_and_the_model_is_called_default() -> None:
    settings = _settings()
    assert (settings.network.grpc_port, settings.network.rest_port) == (8500, -1)
    assert not settings.metrics.enabled
    assert settings.models.model_name == "default"


def test_variables_hold_where_no_flag_speaks_and_flags_win_over_them() -> None:
    base = load({}, {"SEAWAY_LOG_FORMAT": "json", "SEAWAY_REST_PORT": "7", "SEAWAY_GRPC_PORT": "8"})
    settings, _ = to_settings(parse_flags([MODEL, "--port=9"]), base)
    assert settings.logging.format == "json"
    assert settings.network.rest_port == 7
    assert settings.network.grpc_port == 9


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        pytest.param(
            ["--port=0", MODEL],
            InvalidArgument,
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.",
            id="no-grpc",
        ),
        pytest.param(
            [],
            InvalidArgument,
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
            id="no-model",
        ),
        pytest.param(
            [MODEL, "--batching_parameters_file=b"],
            InvalidArgument,
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true.",
            id="batching-parameters-alone",
        ),
        pytest.param(
            [
                MODEL,
                "--tensorflow_session_parallelism=1",
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ],
            InvalidArgument,
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all.",
            id="parallelism-thrice",
        ),
        pytest.param(
            [MODEL, "--use_alts_credentials", "--ssl_config_file=s"],
            InvalidArgument,
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
            id="alts-and-ssl",
        ),
        pytest.param(
            [MODEL, "--use_alts_credentials"],
            Unimplemented,
            "use_alts_credentials is not supported; use --ssl_config_file to protect the gRPC API",
            id="alts",
        ),
        pytest.param(
            [MODEL, "--port=70000"],
            InvalidArgument,
            "--port: network.grpc_port cannot be 70000; use a whole number from -1 to 65535 (port)",
            id="bound",
        ),
        pytest.param(
            [MODEL, "--mixed_precision=float8"],
            InvalidArgument,
            "--mixed_precision: engine.mixed_precision cannot be 'float8'; use one of \"\" | bfloat16",
            id="choice",
        ),
        pytest.param(
            [MODEL, "--grpc_channel_arguments=a"],
            InvalidArgument,
            "--grpc_channel_arguments: 'a' has no value; write key=value",
            id="channel-argument-without-value",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: list[str], error: type[SeawayError], text: str) -> None:
    with pytest.raises(error) as caught:
        to_settings(parse_flags(arguments))
    assert caught.value.message == text


def test_rest_on_the_grpc_port_is_left_out_with_a_warning() -> None:
    settings, warnings = to_settings(parse_flags([MODEL, "--port=9", "--rest_api_port=9"]))
    assert settings.network.rest_port == -1
    assert warnings == (
        "server_options.http_port cannot be same as grpc_port. Please use a different port for HTTP/REST API. "
        "Skipped exporting HTTP/REST API.",
    )


def test_flags_without_effect_are_named_once_in_one_line() -> None:
    assert _warnings("--grpc_max_threads=4", "--rest_api_num_threads=2", "--skip_initialize_tpu=false") == (
        "flags without effect here: rest_api_num_threads, grpc_max_threads, skip_initialize_tpu",
    )


def test_flags_that_ask_for_what_holds_anyway_are_not_worth_a_warning() -> None:
    stated = [flag for flag in FLAGS if flag.stated is not None]
    arguments = [f"--{flag.name}={str(flag.stated).lower()}" for flag in stated]
    assert len(stated) > 6
    assert _warnings(*arguments) == ()


@pytest.mark.parametrize(
    ("arguments", "interpreters"),
    [
        pytest.param([], 0, id="nothing-said-is-one-for-each-run"),
        pytest.param(["--num_tflite_pools=3"], 3, id="pools-of-one"),
        pytest.param(["--num_tflite_pools=3", "--num_tflite_interpreters_per_pool=2"], 6, id="the-product"),
        pytest.param(["--num_tflite_interpreters_per_pool=2"], 0, id="a-pool-for-each-core-is-enough-for-all-runs"),
        pytest.param(["--num_tflite_pools=0"], 1, id="none-means-one"),
        pytest.param(["--num_tflite_pools=-1"], 1, id="negative-means-one"),
        pytest.param(["--num_tflite_pools=5000"], 1024, id="beyond-our-limit"),
    ],
)
def test_tflite_pools_are_interpreters(arguments: list[str], interpreters: int) -> None:
    engine = _settings("--prefer_tflite_model", *arguments).engine
    assert (engine.prefer_tflite_model, engine.litert_interpreters) == (True, interpreters)
    assert _warnings("--prefer_tflite_model", *arguments) == ()


@pytest.mark.parametrize(
    ("arguments", "enabled"),
    [
        pytest.param([], True, id="nothing-said-is-natural-batching"),
        pytest.param(["--enable_batching"], True, id="asked-for"),
        pytest.param(["--enable_batching=false"], False, id="refused"),
    ],
)
def test_batching_is_natural_unless_it_is_refused(arguments: list[str], enabled: bool) -> None:
    assert _settings(*arguments).batching.enabled is enabled
    assert _warnings(*arguments) == ()


def test_batching_flags_become_settings(tmp_path: Path) -> None:
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 8 }")
    batching = _settings(
        "--enable_batching", f"--batching_parameters_file={file}", "--enable_per_model_batching_parameters"
    ).batching
    assert (batching.parameters_file, batching.per_model_parameters) == (str(file), True)


def test_channel_arguments_of_another_library_are_named() -> None:
    assert _warnings("--grpc_channel_arguments=grpc.max_concurrent_streams=2,grpc.max_connection_age_ms=2") == (
        "gRPC channel arguments without effect here: grpc.max_concurrent_streams, grpc.max_connection_age_ms",
    )


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.effect == "none"], ids=str)
def test_every_flag_without_effect_is_accepted(flag: Any) -> None:
    value = {"bool": "true", "string": "x"}.get(flag.kind, "3")
    settings, _ = to_settings(parse_flags([MODEL, f"--{flag.name}={value}"]))
    assert settings == _settings()


@pytest.mark.parametrize(
    ("text", "enabled", "path"),
    [
        pytest.param("prometheus_config { enable: true }", True, "/monitoring/prometheus/metrics", id="on"),
        pytest.param('prometheus_config { enable: true path: "/m" }', True, "/m", id="own-path"),
        pytest.param('prometheus_config { path: "/m" }', False, "/m", id="not-enabled"),
        pytest.param("", False, "/monitoring/prometheus/metrics", id="empty"),
    ],
)
def test_a_monitoring_file_turns_metrics_on(tmp_path: Path, text: str, enabled: bool, path: str) -> None:
    file = tmp_path / "monitoring.txt"
    file.write_text(text)
    metrics = _settings(f"--monitoring_config_file={file}").metrics
    assert (metrics.enabled, metrics.path) == (enabled, path)


def test_an_ssl_file_gives_the_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ssl.txt"
    file.write_text(f'server_key: "{PEM}" server_cert: "{PEM}" custom_ca: "{PEM}" client_verify: true')
    tls = _settings(f"--ssl_config_file={file}").tls
    assert tls.key.reveal() == tls.cert == tls.client_ca == PEM.replace("\\n", "\n")
    assert tls.client_verify


@pytest.mark.parametrize(
    ("flag", "text", "words"),
    [
        pytest.param("ssl_config_file", 'server_key: "x"', "both server_key and server_cert", id="half-an-ssl-file"),
        pytest.param("ssl_config_file", "server_key = 1", r"SSLConfig: --ssl_config_file .*:1:12", id="ssl-syntax"),
        pytest.param("monitoring_config_file", "\nnope: 1", r"MonitoringConfig: .*:2:1 : .*nope", id="unknown-field"),
        pytest.param("platform_config_file", "", "configures no platform 'tensorflow'", id="no-platform"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(tmp_path: Path, flag: str, text: str, words: str) -> None:
    file = tmp_path / "file.txt"
    file.write_text(text)
    with pytest.raises(InvalidArgument, match=words):
        _settings(f"--{flag}={file}")


@pytest.mark.parametrize(
    "flag", ["ssl_config_file", "monitoring_config_file", "platform_config_file", "batching_parameters_file"]
)
def test_a_file_that_is_not_there_is_refused_with_the_flags_name(flag: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"--{flag} '/nonexistent' cannot be read"):
        _settings("--enable_batching", f"--{flag}=/nonexistent")


def test_a_platform_file_replaces_the_session_flags(tmp_path: Path) -> None:
    file = tmp_path / "platform.txt"
    file.write_text(
        """platform_configs { key: "tensorflow" value { source_adapter_config {
          [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] {
            legacy_config { session_config { intra_op_parallelism_threads: 3 gpu_options { allow_growth: true } } }
          } } } }"""
    )
    settings = _settings(f"--platform_config_file={file}", "--tensorflow_session_parallelism=9")
    config = message("tensorflow.ConfigProto").FromString(session_config(settings.engine, 64))
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (3, 0)
    assert config.gpu_options.allow_growth


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("max_batch_size { value: 0 }", "max_batch_size is 0; use at least 1", id="zero-size"),
        pytest.param("num_batch_threads { value: -1 }", "num_batch_threads is -1; use at least 1", id="threads"),
        pytest.param("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1; use at least 0", id="wait"),
        pytest.param(
            "allowed_batch_sizes: [4, 2]", r"allowed_batch_sizes \[4, 2\] must be at least 1", id="descending"
        ),
        pytest.param("allowed_batch_sizes: [0, 1000]", "must be at least 1 and ascend", id="size-zero"),
        pytest.param("allowed_batch_sizes: [2, 4]", "is 4 and must equal max_batch_size, 1000", id="last-size"),
    ],
)
def test_batching_parameters_that_cannot_work_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "batching.txt"
    file.write_text(text)
    with pytest.raises(InvalidArgument, match=words):
        _settings("--enable_batching", f"--batching_parameters_file={file}")
