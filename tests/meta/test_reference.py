"""What is undocumented, or documented wrongly, fails here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from seaway import _core
from seaway.cli import reference
from seaway.cli.tensorflow_model_server.flags import BY_NAME, FLAGS, Flag, effect_here
from seaway.cli.tensorflow_model_server.mapping import settings_of
from seaway.settings.declaration import Setting
from seaway.settings.server import all_settings

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = all_settings()
BY_PATH = [pytest.param(setting, id=setting.path) for setting in SETTINGS]
NUMBER_OF_FLAGS = 48


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    return reference.pages()


@pytest.mark.parametrize("page", ["configuration.md", "flags.md", "metrics.md", "cli.md"])
def test_a_generated_page_says_what_the_code_says(page: str, pages: Mapping[str, str]) -> None:
    assert (DOCS / page).read_text() == pages[page], "not current; run `make docs`"


@pytest.mark.parametrize("setting", BY_PATH)
def test_a_setting_is_documented_in_a_sentence(setting: Setting) -> None:
    doc = setting.declaration.doc
    assert doc[0].isupper()
    assert doc.endswith(".")


@pytest.mark.parametrize("setting", BY_PATH)
def test_a_number_has_a_unit_and_bounds_that_its_default_keeps(setting: Setting) -> None:
    declaration = setting.declaration
    if setting.kind in ("integer", "number"):
        assert declaration.unit
        assert declaration.at_least is not None
        assert declaration.at_most is not None
        assert declaration.at_least <= setting.default <= declaration.at_most
    if setting.kind == "choice":
        assert setting.default in setting.choices
    if declaration.pattern:
        assert declaration.expects


@pytest.mark.parametrize("setting", BY_PATH)
def test_a_setting_stands_on_the_configuration_page_with_its_names(setting: Setting) -> None:
    page = (DOCS / "configuration.md").read_text()
    assert f"### {setting.path}\n" in page
    assert f"variable: `{setting.declaration.env}`" in page
    if setting.declaration.flag:
        assert f"flag: `{setting.declaration.flag}`" in page


def test_no_two_settings_share_a_flag_or_a_variable() -> None:
    flags = [setting.declaration.flag for setting in SETTINGS if setting.declaration.flag]
    variables = [setting.declaration.env for setting in SETTINGS]
    assert len(set(flags)) == len(flags)
    assert len(set(variables)) == len(variables)
    assert all(flag.startswith("--") for flag in flags)
    assert all(variable.startswith("SEAWAY_") for variable in variables)


def test_only_secrets_and_what_belongs_to_them_have_no_flag() -> None:
    without = [setting.path for setting in SETTINGS if not setting.declaration.flag]
    assert without == ["tls.key", "tls.cert", "tls.client_ca", "operations.webhook_secret", "tracing.headers"]


def test_all_flags_of_tensorflow_serving_are_listed_once() -> None:
    assert sum(not flag.is_own for flag in FLAGS) == NUMBER_OF_FLAGS
    assert len(FLAGS) == len(BY_NAME)
    page = (DOCS / "flags.md").read_text()
    assert all(f"| `{flag.name}` |" in page for flag in FLAGS)


@pytest.mark.parametrize("flag", [pytest.param(flag, id=flag.name) for flag in FLAGS])
def test_a_flag_says_what_it_does_and_what_it_does_here(flag: Flag) -> None:
    assert flag.usage.endswith(".")
    assert effect_here(flag).endswith(".")
    if flag.effect != "same":
        assert flag.note
        assert not settings_of(flag)


def test_a_setting_only_names_flags_that_exist() -> None:
    named = {setting.declaration.tensorflow_serving for setting in SETTINGS} - {""}
    assert named <= set(BY_NAME)


def test_every_metric_has_a_meaning_and_a_kind() -> None:
    catalogue = json.loads(_core.metrics_catalogue())
    assert len({metric["name"] for metric in catalogue}) == len(catalogue) > 0
    for metric in catalogue:
        assert metric["help"], metric["name"]
        assert metric["kind"] in ("counter", "gauge", "histogram"), metric["name"]
