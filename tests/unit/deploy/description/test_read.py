"""Reading seaway.yaml: what is accepted, and what is said of every kind of mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seaway.deploy.description.json_schema import json_schema
from seaway.deploy.description.places import MOST_VALUES
from seaway.deploy.description.read import parse, read
from seaway.deploy.description.schema import Description
from seaway.errors import InvalidArgument, NotFound

LEAST = "project: digits\nstore: ./models\nmodels: {mnist: {}}\n"


def parsed(text: str, environment: str = "", target: str = "", **environ: str) -> Description:
    return parse(text, "seaway.yaml", environment, environ, target)


def refusal(text: str, environment: str = "", target: str = "", **environ: str) -> list[str]:
    with pytest.raises(InvalidArgument) as caught:
        parsed(text, environment, target, **environ)
    return [line.removeprefix("seaway.yaml:") for line in caught.value.message.splitlines()]


def test_three_keys_are_enough() -> None:
    description = parsed(LEAST)
    assert (description.project, description.store, list(description.models)) == ("digits", "./models", ["mnist"])
    assert (description.target, description.server.replicas, description.server.ports.grpc) == ("process", 1, 8500)


def test_a_monitor_is_there_unless_it_is_switched_off() -> None:
    assert parsed(LEAST).monitoring.enabled
    assert parsed(LEAST).monitoring.own_url == "http://127.0.0.1:8502"
    for off in ("monitor: false\n", "monitor: {enabled: false}\n"):
        assert not parsed(LEAST + off).monitoring.enabled
    production = "monitor: false\nenvironments: {production: {monitor: {port: 9502}}}\n"
    assert parsed(LEAST + production, "production").monitoring.port == 9502
    assert parsed(LEAST + "monitor: {notify: {team: {env: '${X}'}}}\n").monitoring.notify["team"].env == "${X}", (
        "places of secrets are names"
    )


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        pytest.param("{port: 8501}", "monitor.port: found 8501, which is a port of the servers too", id="port"),
        pytest.param("{history: 1Mi}", "monitor.history: found '1Mi', fits: at least 16Mi", id="history"),
        pytest.param("{password: {}}", "monitor.password: needs exactly one of `env` and `file`", id="password"),
        pytest.param(
            "{notify: {team: {env: A, file: b}}}",
            "monitor.notify.team: needs exactly one of `env` and `file`",
            id="channel",
        ),
        pytest.param("{url: prometheus}", "monitor.url: found 'prometheus', fits: a URL", id="url"),
        pytest.param("{prot: 1}", "monitor.prot: is no key here; did you mean `port`?", id="misspelled"),
        pytest.param("{interval_s: 0}", "monitor.interval_s: found 0, fits: a number, at least 0.5", id="interval"),
        pytest.param("maybe", "monitor: found 'maybe', fits: true or false", id="neither-yes-nor-keys"),
    ],
)
def test_mistakes_about_the_monitor(monitor: str, said: str) -> None:
    (line,) = refusal(f"{LEAST}monitor: {monitor}\n")
    assert said in line


def test_a_mapping_may_be_empty_or_left_out() -> None:
    assert (
        parsed("project: a\nstore: m\nmodels:\n  mnist: {versions: 'latest:2'}\n").models["mnist"].versions
        == "latest:2"
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", ["1:1: the file is empty; `seaway init` writes one"], id="empty"),
        pytest.param("- a\n", ["1:1: the file has to hold keys, such as `project: digits`"], id="a-list"),
        pytest.param(
            "a: [1\n",
            ["2:1: this is no YAML: while parsing a flow sequence expected ',' or ']', but got"],
            id="no-yaml",
        ),
        pytest.param("a: b: c\n", ["1:5: this is no YAML: mapping values are not allowed here"], id="two-colons"),
        pytest.param(
            "project: digits\n",
            [
                "1:1: store: is missing: Model store: a directory of models",
                "1:1: models: is missing: Models to serve, by name.",
            ],
            id="what-is-missing",
        ),
        pytest.param(
            LEAST + "projekt: b\n", ["4:10: projekt: is no key here; did you mean `project`?"], id="a-typing-error"
        ),
        pytest.param(
            LEAST + "server: {zzz: 1}\n", ["4:15: server.zzz: is no key here; there are cpu, "], id="an-unknown-key"
        ),
        pytest.param(LEAST + "project: b\n", ["4:1: project: is there twice, first at 1:1; keep one"], id="twice"),
        pytest.param(
            LEAST.replace("digits", "My Project"),
            ["1:10: project: found 'My Project', fits: a text, name of the "],
            id="a-bad-name",
        ),
        pytest.param(
            LEAST + "server: {replicas: -1}\n",
            ["4:20: server.replicas: found -1, fits: a whole number, at least 0, at most 1000"],
            id="too-few",
        ),
        pytest.param(
            LEAST + "server: {replicas: yes}\n",
            ["4:20: server.replicas: found 'yes', fits: a whole number"],
            id="yes-is-a-text",
        ),
        pytest.param(
            LEAST + "server: {replicas: 1.5}\n",
            ["4:20: server.replicas: found 1.5, fits: a whole number"],
            id="a-fraction",
        ),
        pytest.param(
            LEAST + "server: {memory: 4 GB}\n",
            ["4:18: server.memory: found '4 GB', fits: a text, a number of bytes: 512Mi, 4Gi, 1.5G"],
            id="memory",
        ),
        pytest.param(
            LEAST + "target: cloud\n",
            ["4:9: target: found 'cloud', fits: docker, kubernetes, process, swarm"],
            id="target",
        ),
        pytest.param(
            LEAST.replace("{}", "{versions: newest}"),
            ["3:28: models.mnist.versions: found 'newest', fits: a text, `latest`, `latest:N` or `all` or a list"],
            id="versions",
        ),
        pytest.param(
            LEAST.replace("{}", "{versions: [1, two]}"),
            ["3:32: models.mnist.versions[1]: found 'two', fits: a whole number, at least 0"],
            id="one-of-a-list",
        ),
        pytest.param(
            LEAST.replace("{}", "[]"), ["3:17: models.mnist: found a list of 0, fits: keys"], id="a-list-for-keys"
        ),
        pytest.param(
            LEAST.replace("{mnist: {}}", "{}"),
            ["3:9: models: found keys, none, fits: keys, at least 1 entries"],
            id="no-models",
        ),
        pytest.param(LEAST + "server: !!python/name:os.system {}\n", ["4:9: server: the tag "], id="a-tag"),
        pytest.param(LEAST + "? [a]\n: b\n", ["4:3: a key has to be a text"], id="a-key-that-is-a-list"),
        pytest.param(
            LEAST + "server: {image: '${IMAGE}'}\n",
            ["4:17: server.image: the variable IMAGE is not set; set it, or write ${IMAGE:-a default}"],
            id="a-variable-that-is-not-set",
        ),
        pytest.param(
            LEAST + "target: docker\n", ["1:1: server.image: is missing: target docker runs containers"], id="no-image"
        ),
        pytest.param(
            LEAST + "autoscale: {min: 3, max: 2}\n",
            ["4:18: autoscale.min: found 3, which is above `max`, 2; lower it"],
            id="min-max",
        ),
        pytest.param(
            LEAST + "autoscale: {max: 2, metric: cpu}\n",
            ["4:29: autoscale.metric: found 'cpu', which is a share"],
            id="cpu-of-what",
        ),
        pytest.param(
            LEAST + "autoscale: {max: 2, metric: query}\n",
            ["4:1: autoscale.query: goes with `metric: query`; set both or none"],
            id="a-question-that-is-missing",
        ),
        pytest.param(
            LEAST + "rollout: {checks: [{name: x, query: up}]}\n",
            ["4:20: rollout.checks[0]: needs a bound: `max`, `min` or both"],
            id="a-check-without-a-bound",
        ),
        pytest.param(
            LEAST + "rollout: {canary: [0.5, 0.1]}\n",
            ["4:19: rollout.canary: found [0.5, 0.1], fits: shares that grow"],
            id="canary",
        ),
        pytest.param(
            LEAST + "server: {tokens: [{}]}\n",
            ["4:19: server.tokens[0]: needs exactly one of `env` and `file`"],
            id="a-token-from-nowhere",
        ),
        pytest.param(
            LEAST + "server: {ports: {grpc: 1, rest: 1}}\n",
            ["4:33: server.ports.rest: found 1, which is the gRPC port too"],
            id="ports",
        ),
        pytest.param(
            LEAST.replace("{}", "{versions: [1], labels: {stable: 2}}"),
            ["3:50: models.mnist.labels.stable: found 2, which is not among `versions`, [1]"],
            id="a-label-of-nothing",
        ),
        pytest.param(
            LEAST.replace("{}", "{path: ../x}"),
            ["3:24: models.mnist.path: found '../x', fits: a directory inside"],
            id="outside",
        ),
        pytest.param(
            LEAST.replace("{}", "{log: {sampling_rate: 2}}"),
            ["3:39: models.mnist.log.sampling_rate: "],
            id="a-log-of-more-than-all-requests",
        ),
        pytest.param(
            LEAST.replace("{}", "{log: {prefix: ../m}}"),
            ["3:32: models.mnist.log.prefix: found '../m', fits: a path inside"],
            id="a-log-outside",
        ),
        pytest.param(
            LEAST.replace("{}", "{log: {prefix: 'http://h/m'}}"),
            ["3:32: models.mnist.log.prefix: model 'mnist' has the filename_prefix 'http://h/m', and nothing can be"],
            id="a-log-where-nothing-can-be-written",
        ),
        pytest.param(
            LEAST.replace("{}", "{log: {prefix: /var/m}}") + "target: docker\nserver: {image: i}\n",
            ["3:32: models.mnist.log.prefix: found '/var/m', fits: a relative path or a URL; containers of docker"],
            id="a-log-that-a-container-cannot-write",
        ),
        pytest.param(
            LEAST.replace("{}", "{engine: fast}"),
            ["3:26: models.mnist.engine: found 'fast', fits: auto, "],
            id="engine",
        ),
        pytest.param(
            LEAST + "kubernetes: {expose: gateway, host: h, gateway: g}\n",
            ["4:49: kubernetes.gateway: found 'g', fits: namespace/name"],
            id="gateway",
        ),
        pytest.param(
            LEAST + "server: {replicas: x, cpu: y}\nautoscale: {metric: z}\n",
            ["4:20: server.replicas", "4:28: server.cpu", "5:21: autoscale.metric"],
            id="all-mistakes-at-once",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_fits(text: str, lines: list[str]) -> None:
    found = refusal(text)
    assert len(found) == len(lines), found
    for line, start in zip(found, lines, strict=True):
        assert line.startswith(start), line


def test_aliases_work_and_cannot_blow_a_file_up() -> None:
    text = "project: a\nstore: m\nmodels: {x: &m {versions: all}, y: *m}\n"
    assert parsed(text).models["y"].versions == "all"
    levels = "".join(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]\n" for level in range(1, 9))
    found = refusal("l0: &l0 [x, x]\n" + levels)
    assert f"aliases make more than {MOST_VALUES} values of this" in "\n".join(found)
    assert "aliases make more than" in refusal("a: &a [*a]\n")[0]


OVERLAID = LEAST + (
    "server: {replicas: 1, env: {A: a, B: b}}\n"
    "environments:\n"
    "  production: {target: docker, server: {replicas: 3, image: 'seaway:1', env: {A: null}}}\n"
    "  broken:\n    server:\n      replicas: none\n"
)


def test_an_environment_is_laid_over_the_rest() -> None:
    plain, production = parsed(OVERLAID), parsed(OVERLAID, "production")
    assert (plain.target, plain.server.replicas, plain.server.env) == ("process", 1, {"A": "a", "B": "b"})
    assert (production.target, production.server.replicas, production.server.env) == ("docker", 3, {"B": "b"})


def test_a_mistake_in_an_overlay_is_shown_where_it_stands() -> None:
    assert refusal(OVERLAID, "broken") == [
        "9:17: server.replicas: found 'none', fits: a whole number, at least 0, at most 1000"
    ]
    assert refusal(OVERLAID, "test") == [
        "5:1: environments: there is no environment 'test'; there are: broken, production"
    ]


def test_variables_are_replaced_except_in_secrets() -> None:
    text = LEAST + "server: {image: 'r/${NAME}:${TAG:-1}$$', tokens: [{env: '${X}'}]}\n"
    description = parsed(text, NAME="seaway")
    assert description.server.image == "r/seaway:1$"
    assert description.server.tokens[0].env == "${X}"


def test_a_target_from_the_command_line_counts_for_what_belongs_together() -> None:
    assert refusal(LEAST, target="docker")[0].startswith("1:1: server.image: is missing")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="`seaway init` writes one"):
        read(tmp_path / "seaway.yaml")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())
    undocumented = [name for name, each in _properties(json_schema()) if not each.get("description")]
    assert undocumented == []


def _properties(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    objects = [("", schema), *schema["$defs"].items()]
    return [(f"{name}.{key}", each) for name, part in objects for key, each in part["properties"].items()]
