"""The ConfigProto that workers get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.settings.engine import Engine
from seaway.settings.session_config import session_config


def _config(engine: Engine, cores: int = 64) -> Any:
    return message("tensorflow.ConfigProto").FromString(session_config(engine, cores))


def test_the_defaults_leave_everything_on_a_large_machine_to_tensorflow() -> None:
    assert session_config(Engine(), 64) == b""


@pytest.mark.parametrize(
    ("cores", "concurrency", "threads"),
    [
        pytest.param(1, 0, 1, id="one-core"),
        pytest.param(2, 0, 1, id="as-many-runs-as-cores"),
        pytest.param(4, 1, 4, id="one-run-takes-all"),
        pytest.param(4, 2, 2, id="two-runs-share"),
        pytest.param(2, 8, 1, id="more-runs-than-cores"),
        pytest.param(8, 0, 0, id="large-machine"),
    ],
)
def test_few_cores_are_divided_among_the_runs_in_flight(cores: int, concurrency: int, threads: int) -> None:
    assert _config(Engine(concurrency=concurrency), cores).intra_op_parallelism_threads == threads


def test_a_file_that_says_how_many_threads_is_believed() -> None:
    config = _config(Engine(session_config="intra_op_parallelism_threads: 2"), 2)
    assert config.intra_op_parallelism_threads == 2


def test_settings_become_fields() -> None:
    config = _config(
        Engine(
            intra_op_parallelism=2,
            inter_op_parallelism=3,
            per_process_gpu_memory_fraction=0.5,
            xla_cpu_compilation_enabled=True,
            mixed_precision="bfloat16",
        )
    )
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (2, 3)
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.5
    assert config.graph_options.optimizer_options.global_jit_level == 1
    assert config.graph_options.optimizer_options.cpu_global_jit
    assert config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 == 1


def test_xla_for_gpus_leaves_the_cpu_alone() -> None:
    options = _config(Engine(xla_gpu_compilation_enabled=True)).graph_options.optimizer_options
    assert options.global_jit_level == 1
    assert not options.cpu_global_jit


def test_a_setting_wins_over_the_file_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    file.write_text("intra_op_parallelism_threads: 7 inter_op_parallelism_threads: 8 allow_soft_placement: true")
    config = _config(Engine(session_config_file=str(file), intra_op_parallelism=2))
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (2, 8)
    assert config.allow_soft_placement


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        pytest.param(Engine(session_config="a", session_config_file="b"), "are both set", id="text-and-file"),
        pytest.param(
            Engine(session_config="nope: 1"), r"tensorflow.ConfigProto: engine.session_config:1:1", id="field"
        ),
        pytest.param(Engine(session_config_file="/nonexistent"), "cannot be read", id="no-such-file"),
    ],
)
def test_a_session_config_that_cannot_be_read_is_refused(engine: Engine, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        session_config(engine, 64)
