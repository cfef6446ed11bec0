"""What an engine is told of the settings."""

from __future__ import annotations

import pytest

from seaway.serving.engine_options import engine_options
from seaway.settings.engine import Engine


@pytest.mark.parametrize(
    ("settings", "cores", "threads", "intra_op_threads"),
    [
        pytest.param(Engine(), 8, 8, 1, id="as-many-runs-as-cores-with-one-thread-each"),
        pytest.param(Engine(concurrency=2), 8, 2, 4, id="few-runs-share-the-cores"),
        pytest.param(Engine(concurrency=16), 8, 16, 1, id="never-less-than-one-thread"),
        pytest.param(Engine(concurrency=2, intra_op_parallelism=3), 8, 2, 3, id="as-told"),
    ],
)
def test_runs_in_flight_share_the_cores(settings: Engine, cores: int, threads: int, intra_op_threads: int) -> None:
    options = engine_options(settings, cores)
    assert (options.threads, options.intra_op_threads) == (threads, intra_op_threads)


def test_batch_sizes_are_ascending_and_each_is_there_once() -> None:
    assert engine_options(Engine(openvino_batch_sizes="8,1,8,32"), 2).batch_sizes == (1, 8, 32)


def test_the_rest_is_handed_on() -> None:
    settings = Engine(
        saved_model_tags=("serve", "gpu"), python_instances=3, litert_interpreters=2, cache_directory="cache"
    )
    options = engine_options(settings, 2)
    assert (options.tags, options.instances, options.cache_directory) == (("serve", "gpu"), 3, "cache")
    assert options.interpreters == 2
