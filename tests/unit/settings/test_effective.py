"""Which source wins, what errors say, and that the effective values can be read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.settings.effective import load, shown
from seaway.settings.server import ServerSettings, all_settings


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text('[network]\nrest_port = 9001\ngrpc_port = 9000\n\n[engine]\nsaved_model_tags = ["serve", "gpu"]\n')
    return file


def test_defaults_hold_when_nobody_says_anything() -> None:
    effective = load({}, {})
    assert effective.settings == ServerSettings()
    assert set(effective.origins.values()) == {"default"}
    assert effective.misspelled_variables == ()


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(settings_file: Path) -> None:
    environment = {"SEAWAY_REST_PORT": "9101", "SEAWAY_GRPC_PORT": "9100"}
    effective = load({"network.rest_port": "9201"}, environment, settings_file)
    assert effective.settings.network.rest_port == 9201
    assert effective.settings.network.grpc_port == 9100
    assert effective.settings.engine.saved_model_tags == ("serve", "gpu")
    assert effective.origins["network.rest_port"] == "flag --rest-port"
    assert effective.origins["network.grpc_port"] == "variable SEAWAY_GRPC_PORT"
    assert effective.origins["engine.saved_model_tags"] == f"{settings_file}:6"
    assert effective.origins["engine.concurrency"] == "default"


def test_the_settings_file_can_be_named_by_a_variable(settings_file: Path) -> None:
    assert load({}, {"SEAWAY_SETTINGS": str(settings_file)}).settings.network.grpc_port == 9000


def test_an_empty_variable_counts_as_not_set() -> None:
    effective = load({}, {"SEAWAY_GRPC_PORT": ""})
    assert effective.settings.network.grpc_port == 8500
    assert effective.origins["network.grpc_port"] == "default"


def test_a_misspelled_variable_is_named_with_what_was_meant_and_others_are_left_alone() -> None:
    effective = load({}, {"SEAWAY_GRPC_PROT": "1", "SEAWAY_IMAGE_BUILD": "7", "PATH": "/bin"})
    assert effective.misspelled_variables == ("SEAWAY_GRPC_PROT is no setting; did you mean SEAWAY_GRPC_PORT?",)


@pytest.mark.parametrize(
    ("environment", "expected", "origin"),
    [
        pytest.param({}, "http://file:1", "settings.toml:2", id="the-file-without-any"),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:2"},
            "http://otel:2",
            "variable OTEL_EXPORTER_OTLP_ENDPOINT",
            id="every-programs-over-the-file",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:2", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:3"},
            "http://traces:3",
            "variable OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            id="the-more-special-one",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:2", "SEAWAY_TRACING_ENDPOINT": "http://own:4"},
            "http://own:4",
            "variable SEAWAY_TRACING_ENDPOINT",
            id="seaways-own-over-both",
        ),
    ],
)
def test_a_variable_of_every_program_counts_below_seaways_own(
    tmp_path: Path, environment: dict[str, str], expected: str, origin: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[tracing]\nendpoint = "http://file:1"\n')
    effective = load({}, environment, file)
    assert effective.settings.tracing.endpoint == expected
    assert effective.origins["tracing.endpoint"].endswith(origin)
    assert effective.warnings == ()


def test_a_variable_of_every_program_that_says_what_seaway_cannot_do_is_left_out_with_a_warning() -> None:
    environment = {
        "OTEL_TRACES_SAMPLER": "xray",
        "OTEL_RESOURCE_ATTRIBUTES": "broken",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hush",
        "OTEL_SERVICE_NAME": "shop",
    }
    effective = load({}, environment)
    tracing = effective.settings.tracing
    assert (tracing.sampler, tracing.resource_attributes) == ("parentbased_traceidratio", ())
    assert (tracing.service_name, tracing.headers.reveal()) == ("shop", "api-key=hush")
    first, second = effective.warnings
    assert first.startswith("OTEL_TRACES_SAMPLER: tracing.sampler cannot be 'xray'; use one of always_on")
    assert first.endswith("; OTEL_TRACES_SAMPLER is left out")
    assert "OTEL_RESOURCE_ATTRIBUTES" in second
    assert "hush" not in shown(effective)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "[network]\n\ngrpc_port = 70000\n",
            "{file}:3: network.grpc_port cannot be 70000; use a whole number from -1 to 65535 (port)",
            id="above-the-bound",
        ),
        pytest.param(
            "[network]\ngrpc_port = '8500'\n",
            "{file}:2: network.grpc_port cannot be '8500'; use a whole number from -1 to 65535 (port)",
            id="text-for-a-number",
        ),
        pytest.param(
            "[network]\ngrpc_port = true\n",
            "{file}:2: network.grpc_port cannot be True; use a whole number from -1 to 65535 (port)",
            id="switch-for-a-number",
        ),
        pytest.param(
            "[network]\ncors = 1\n",
            "{file}:2: network.cors cannot be 1; use true or false",
            id="number-for-a-switch",
        ),
        pytest.param(
            "[logging]\nlevel = 'loud'\n",
            "{file}:2: logging.level cannot be 'loud'; use one of debug | info | warning | error",
            id="no-such-choice",
        ),
        pytest.param(
            "[drain]\ndrain_timeout_s = nan\n",
            "{file}:2: drain.drain_timeout_s cannot be nan; use a number from 0 to 86400 (seconds)",
            id="not-a-number",
        ),
        pytest.param(
            "[engine]\nsaved_model_tags = ['serve', 1]\n",
            "{file}:2: engine.saved_model_tags cannot be ['serve', 1]; use a list of texts",
            id="list-with-a-number",
        ),
        pytest.param(
            "[tls]\nkey = 5\n",
            "{file}:2: tls.key cannot be [REDACTED]; use a text",
            id="secret-is-not-shown-even-when-wrong",
        ),
        pytest.param(
            "[network]\ngrpc_prt = 1\n",
            "{file}:2: there is no setting 'network.grpc_prt'; did you mean 'network.grpc_port'?",
            id="misspelled-key",
        ),
        pytest.param(
            "[metrics]\ncors = true\n",
            "{file}:2: there is no setting 'metrics.cors'; did you mean 'network.cors'?",
            id="key-in-the-wrong-table",
        ),
        pytest.param(
            "network.rest_port = -2\n",
            "{file}:1: network.rest_port cannot be -2; use a whole number from -1 to 65535 (port)",
            id="dotted-key",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(InvalidArgument) as caught:
        load({}, {}, file)
    assert caught.value.message == message.format(file=file)


def test_a_key_outside_any_table_is_told_with_the_tables(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("grpc_port = 1\n")
    with pytest.raises(InvalidArgument, match=r"settings.toml:1: 'grpc_port' stands outside a table; .*\[network\]"):
        load({}, {}, file)


def test_a_syntax_error_is_told_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[network]\ngrpc_port = \n")
    with pytest.raises(InvalidArgument, match=r"settings.toml: not TOML: .*line 2, column 13"):
        load({}, {}, file)


def test_a_settings_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"nowhere\.toml"):
        load({}, {}, tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        pytest.param("network.grpc_port", "x", "--grpc-port: network.grpc_port cannot be 'x'", id="letters"),
        pytest.param("network.grpc_port", "1e3", "--grpc-port: network.grpc_port cannot be '1e3'", id="float"),
        pytest.param("network.cors", "maybe", "--cors: network.cors cannot be 'maybe'; use true or false", id="switch"),
        pytest.param("models.version_policy", "latest:0", "use latest:N with N at least 1, all, or", id="policy"),
        pytest.param("drain.drain_timeout_s", "-1", "use a number from 0 to 86400 (seconds)", id="negative"),
        pytest.param("metrics.path", "metrics", "use a path that starts with /", id="relative-path"),
    ],
)
def test_a_mistake_in_a_flag_names_the_flag(path: str, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        load({path: text}, {})
    assert message in caught.value.message


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    with pytest.raises(InvalidArgument, match=r"^SEAWAY_LOG_LEVEL: logging.level cannot be 'loud'; use one of debug"):
        load({}, {"SEAWAY_LOG_LEVEL": "loud"})


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "TRUE"])
def test_switches_understand_the_usual_words(word: str) -> None:
    assert load({}, {"SEAWAY_CORS": word}).settings.network.cors is True


def test_the_effective_values_can_be_read_back_as_a_settings_file(tmp_path: Path) -> None:
    flags = {"network.grpc_socket_path": 'a "quoted" \\ path', "engine.custom_op_libraries": "a.so, b.so"}
    effective = load(flags, {})
    file = tmp_path / "shown.toml"
    file.write_text(shown(effective))
    assert load({}, {}, file).settings == effective.settings


def test_the_effective_values_say_where_each_comes_from() -> None:
    lines = shown(load({"network.rest_port": "0"}, {"SEAWAY_LOG_FORMAT": "json"})).splitlines()
    assert "rest_port = 0  # flag --rest-port" in lines
    assert 'format = "json"  # variable SEAWAY_LOG_FORMAT' in lines
    assert "grpc_port = 8500  # default" in lines


def test_no_secret_is_ever_shown() -> None:
    effective = load({}, {"SEAWAY_TLS_KEY": "hunter2"})
    assert effective.settings.tls.key.reveal() == "hunter2"
    assert "hunter2" not in shown(effective) + repr(effective) + str(effective.settings.tls.key)
    assert "[REDACTED]" in shown(effective)


def test_every_declared_setting_has_an_origin() -> None:
    assert set(load({}, {}).origins) == {setting.path for setting in all_settings()}
