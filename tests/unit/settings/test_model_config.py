"""Reading lists of models: every field, every rule, every place of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway import errors, protos
from seaway.settings.model_config import (
    MESSAGE,
    AllVersions,
    LatestVersions,
    ModelConfig,
    RequestLog,
    SpecificVersions,
    VersionPolicy,
    parse_model_config,
    read_model_config_file,
    read_model_list,
)


def entry(name: str = "m", base_path: str = "/models/m", rest: str = 'model_platform: "tensorflow"') -> str:
    return f'config {{ name: "{name}" base_path: "{base_path}" {rest} }}'


def listed(*entries: str) -> str:
    return "model_config_list {\n" + "\n".join(entries) + "\n}"


def test_plain_entry_has_the_known_defaults() -> None:
    read = parse_model_config(listed(entry()))

    assert read.models == (ModelConfig("m", "/models/m", "tensorflow", LatestVersions(1), {}, "process"),)
    assert read.problems == ()
    assert read.warnings == ()


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        pytest.param("", LatestVersions(1), id="none-given"),
        pytest.param("model_version_policy { latest { } }", LatestVersions(1), id="latest-without-number"),
        pytest.param("model_version_policy { latest { num_versions: 3 } }", LatestVersions(3), id="latest"),
        pytest.param("model_version_policy { all { } }", AllVersions(), id="all"),
        pytest.param(
            "model_version_policy { specific { versions: 1 versions: 42 } }",
            SpecificVersions(frozenset({1, 42})),
            id="specific",
        ),
    ],
)
def test_version_policies(text: str, policy: VersionPolicy) -> None:
    (model,) = parse_model_config(listed(entry(rest=f'model_platform: "tensorflow" {text}'))).models

    assert model.version_policy == policy


def test_labels() -> None:
    labels = 'version_labels { key: "stable" value: 43 } version_labels { key: "canary" value: 44 }'

    (model,) = parse_model_config(listed(entry(rest=f'model_platform: "tensorflow" {labels}'))).models

    assert model.version_labels == {"stable": 43, "canary": 44}


def test_deprecated_model_type_means_the_platform() -> None:
    (model,) = parse_model_config(listed(entry(rest="model_type: TENSORFLOW"))).models

    assert model.platform == "tensorflow"


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        pytest.param([entry(name="")], "a model with base_path '/models/m' has no name", id="no-name"),
        pytest.param([entry(base_path="")], "model 'm' has no base_path", id="no-base-path"),
        pytest.param([entry(rest="")], "model 'm' has no model_platform", id="no-platform"),
        pytest.param(
            [entry(rest='model_platform: "pytorch"')],
            "model 'm' has model_platform 'pytorch'; the only platform served is \"tensorflow\"",
            id="other-platform",
        ),
        pytest.param(
            [entry(rest='model_platform: "tensorflow" model_type: TENSORFLOW')],
            "model 'm' sets both model_type (deprecated) and model_platform; keep model_platform",
            id="platform-twice",
        ),
        pytest.param(
            [entry(base_path="models/m")],
            "Expected model m to have an absolute path or URI; got base_path()=models/m",
            id="relative-path-without-a-file",
        ),
        pytest.param(
            [entry(rest='model_platform: "tensorflow" model_version_policy { specific { } }')],
            "model 'm' asks for specific versions and names none",
            id="no-specific-version",
        ),
        pytest.param(
            [entry(), entry(base_path="/models/n")],
            "Illegal to list model m multiple times in config list",
            id="duplicate-name",
        ),
    ],
)
def test_wrong_entry_is_a_problem_with_its_reason(entries: list[str], text: str) -> None:
    read = parse_model_config(listed(*entries, entry(name="good", base_path="/models/good")))

    assert [model.name for model in read.models] == ["good"]
    (problem,) = read.problems
    assert text in problem.error.message
    assert isinstance(problem.error, errors.InvalidArgument)


def test_start_refuses_a_list_with_any_problem_and_names_all_of_them() -> None:
    read = parse_model_config(listed(entry(base_path=""), entry(name="n", rest="")))

    with pytest.raises(errors.InvalidArgument, match=r"model 'm' has no base_path.*; model 'n' has no model_platform"):
        read.raise_for_problems()


def test_relative_paths_are_taken_from_the_directory_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "models.cfg"
    file.write_text(listed(entry(base_path="store/m")))

    (model,) = read_model_config_file(file).models

    assert model.base_path == str(tmp_path / "store/m")


def test_relative_and_absolute_paths_do_not_mix(tmp_path: Path) -> None:
    read = parse_model_config(listed(entry(base_path="store/m"), entry(name="n")), root=tmp_path)

    assert [model.name for model in read.models] == ["n"]
    assert "has the relative base_path 'store/m' beside absolute ones" in read.problems[0].error.message


def test_uri_counts_as_absolute() -> None:
    read = parse_model_config(listed(entry(base_path="s3://bucket/m"), entry(name="n")))

    assert [model.base_path for model in read.models] == ["s3://bucket/m", "/models/m"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("model_config_list {\n  config {\n    nam: 'x'\n  }\n}", "x.cfg:3:5: ", id="unknown-field"),
        pytest.param("model_config_list {\n  config {\n    name: 'x\n  }\n}", "x.cfg:3:11: ", id="open-string"),
        pytest.param("model_config_list: [", "x.cfg:", id="ends-too-early"),
        pytest.param("improperly formatted file", "x.cfg:1:1: ", id="not-text-format"),
    ],
)
def test_syntax_error_names_file_line_and_column(text: str, place: str) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        parse_model_config(text, origin="x.cfg")

    assert refused.value.message.startswith(f"Error parsing text-format {MESSAGE}: {place}")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match=r"no\.cfg does not exist"):
        read_model_config_file(tmp_path / "no.cfg")


def test_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "models.cfg").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(errors.PermissionDenied, match="cannot be read"):
        read_model_config_file(tmp_path / "models.cfg")


def test_message_without_a_list_is_told_from_an_empty_list() -> None:
    assert parse_model_config("").is_empty_message
    assert not parse_model_config("model_config_list { }").is_empty_message


def test_custom_config_is_not_supported() -> None:
    message = protos.message(MESSAGE)()
    message.custom_model_config.type_url = "type.googleapis.com/x"

    with pytest.raises(errors.Unimplemented, match="list the models in model_config_list"):
        read_model_list(message)


def logged(collector: str, sampling: str) -> str:
    return (
        f'model_platform: "tensorflow" logging_config {{ log_collector_config {{ {collector} }} '
        f"sampling_config {{ {sampling} }} }}"
    )


@pytest.mark.parametrize(
    ("collector", "sampling", "expected"),
    [
        pytest.param(
            'type: "file" filename_prefix: "/log/m"', "sampling_rate: 0.25", RequestLog("/log/m", 0.25), id="on"
        ),
        pytest.param('filename_prefix: "/log/m"', "sampling_rate: 1", RequestLog("/log/m", 1.0), id="no-type"),
        pytest.param('filename_prefix: "log/m"', "sampling_rate: 1", RequestLog("/configs/log/m", 1.0), id="relative"),
        pytest.param('filename_prefix: "/log/m"', "sampling_rate: 0", None, id="rate-0"),
        pytest.param('filename_prefix: "/log/m"', "", None, id="no-rate"),
        pytest.param('type: "kafka"', "sampling_rate: 1", None, id="other-collector"),
    ],
)
def test_a_request_log(collector: str, sampling: str, expected: RequestLog | None) -> None:
    read = parse_model_config(listed(entry(rest=logged(collector, sampling))), root=Path("/configs"))

    assert [model.request_log for model in read.models] == [expected]
    assert len(read.warnings) == (1 if expected is None else 0)


@pytest.mark.parametrize(
    ("collector", "sampling", "why"),
    [
        pytest.param('filename_prefix: "/log/m"', "sampling_rate: 1.5", "0 to 1", id="rate-above-1"),
        pytest.param('filename_prefix: "/log/m"', "sampling_rate: -0.1", "0 to 1", id="rate-below-0"),
        pytest.param('filename_prefix: "/log/m"', "sampling_rate: nan", "0 to 1", id="rate-nan"),
        pytest.param('type: "file"', "sampling_rate: 1", "filename_prefix", id="no-prefix"),
        pytest.param('filename_prefix: "/log/"', "sampling_rate: 1", "filename_prefix", id="directory"),
        pytest.param('filename_prefix: "https://h/m"', "sampling_rate: 1", "nothing can be written", id="not-writable"),
        pytest.param('filename_prefix: "log/m"', "sampling_rate: 1", "absolute", id="relative-to-nothing"),
    ],
)
def test_a_request_log_that_makes_no_sense_is_a_problem_of_its_model(collector: str, sampling: str, why: str) -> None:
    read = parse_model_config(listed(entry(rest=logged(collector, sampling))))

    assert not read.models
    assert why in read.problems[0].error.message


def test_a_log_collector_of_another_kind_is_remarked_on() -> None:
    read = parse_model_config(listed(entry(rest=logged('type: "kafka"', "sampling_rate: 1"))))

    assert len(read.models) == 1
    assert "'kafka' is none of this server's" in read.warnings[0]
