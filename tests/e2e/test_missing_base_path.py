"""A base path that is not there: the server says what it waits for, once, and serves it when it comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.models.cache import Models
from tests.support.eventually import true_soon
from tests.support.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
CONFIG = 'model_config_list { config { name: "adder" base_path: "%s" model_platform: "tensorflow" } }'


@pytest.mark.smoke
@pytest.mark.parametrize("by", ["path", "config"])
def test_it_is_said_where_a_model_is_looked_for_and_served_when_it_comes(
    tmp_path: Path, models: Models, by: str
) -> None:
    missing = tmp_path / "not" / "yet" / "adder"
    config = tmp_path / "models.config"
    config.write_text(CONFIG % missing)
    named = [str(missing)] if by == "path" else ["--config", str(config)]
    server = Server(tmp_path / "server", "serve", *named)
    try:
        server.wait_listening()
        said = f"base path {missing} of model 'adder' does not exist; it is looked for every 1 s"
        true_soon(lambda: said in server.log, "it is said what it waits for", limit_s=60)
        partly = tmp_path / "copy"
        shutil.copytree(models.path("adder"), partly)
        missing.parent.mkdir(parents=True)
        partly.rename(missing)
        server.wait_state("adder", 3)
        assert server.log.count(f"base path {missing} of model 'adder' does not exist") == 1
    finally:
        server.clean_up()
